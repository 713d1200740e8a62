// Package machine tells which machine this process runs on, so that two ends of a link can
// find that they are on one.
//
// Guaranteed: a mark on a connection tells the other end whether it is on the same machine,
// and who does not know what the machine is told by, nothing. Two machines that were started
// apart never have the same.
//
// Not guaranteed: that it is hidden from who does know that, as each user of the machine
// does: on a connection of his own he can tell that its other end is there. Nor that a
// system has such a mark. Linux has, and a container has the one of its host.
//
// A Machine does not change, and any goroutine may use it. It is to be made before the
// process gives up the right to read what the system tells of itself.
package machine

import (
	"crypto/hmac"
	"crypto/sha256"
	"os"
	"strings"
)

// markSize is the size of a mark, in bytes.
const markSize = 16

// Machine is the one that this process runs on.
type Machine struct {
	id   string
	sure bool // no other machine has that id, and nobody can guess it
}

// bootFile tells on Linux which kernel runs, since when: containers have the same one.
const bootFile = "/proc/sys/kernel/random/boot_id"

// This is the machine that this process runs on.
func This() Machine {
	if boot, err := os.ReadFile(bootFile); err == nil && len(boot) > 0 {
		return Machine{strings.TrimSpace(string(boot)), true}
	}
	name, _ := os.Hostname() // without one, all machines that have none are one
	return Machine{id: name}
}

// ID names the machine. Where the system does not tell which one it is, it is the host's
// name: two of one name may be taken for one. Nobody else is to see it.
func (m Machine) ID() string { return m.id }

// OnConnection is the mark of the machine for one connection, of which binding is what its
// two ends alone know. It is zero where it could be another one's too, and tells who does not
// know the ID nothing: not even that another connection came from here.
func (m Machine) OnConnection(binding []byte) (mark [markSize]byte) {
	if m.sure {
		mac := hmac.New(sha256.New, binding)
		mac.Write([]byte("ferry machine 1\x00" + m.id))
		copy(mark[:], mac.Sum(nil))
	}
	return mark
}
