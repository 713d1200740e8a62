// Package confine takes away from this process, for good and on all its threads, the
// rights that it no longer needs. A peer that exploits a fault in it then reaches no more
// than the delivery itself does.
//
// On Linux it uses Landlock, by github.com/landlock-lsm/go-landlock. That module knows the
// kernel's eleven versions of Landlock and which right came with which. It applies a
// ruleset to all threads of a Go program, with cgo and without. Apply may be called once a
// process: under two rulesets no file can be moved between folders.
//
// Landlock has limits. Modes, owners, times and attributes of files elsewhere are not
// protected. Nor are UDP (which resolves names), Multipath TCP, TCP Fast Open, a port that
// the kernel picks for a listener, UNIX sockets, and signals to other processes of the
// same user.
package confine

import (
	"errors"
	"slices"
)

// Set is what the process still needs. The caller fills in all of it before Apply.
type Set struct {
	// Folders: all in them may be read, made, written, moved and removed.
	Folders []string
	// Renames: files in these folders may be renamed within the folder, but not opened.
	// So a manifest that is open already gets its final name. Landlock cannot grant less
	// than this: files may also be removed, and empty ones made, in all folders below.
	Renames []string
	// Reads: these files, and all in these folders, may be read. One that is not
	// there is left out.
	Reads []string
	// Connects and Binds are TCP ports.
	Connects, Binds []uint16
	// AnyPort: the way to the other side uses ports that are not known now.
	AnyPort bool
}

// Resolver adds what is needed to resolve host names. The folder that holds resolv.conf
// is added unless that is /etc. If it is /etc, a resolv.conf that replaces the old one
// cannot be read.
func (s *Set) Resolver() {
	s.Reads = append(s.Reads, "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf",
		"/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf")
	s.Connects = append(s.Connects, 53) // an answer that is too long for a datagram
	s.switched()
}

// Accounts adds what is needed to look up users and groups.
func (s *Set) Accounts() {
	s.Reads = append(s.Reads, "/etc/passwd", "/etc/group", "/run/systemd/userdb", "/var/lib/sss/mc")
	s.switched()
}

// switched adds the files in which the C library looks up its sources of names, and the
// libraries that ask those.
func (s *Set) switched() {
	for _, path := range []string{"/etc/nsswitch.conf", "/etc/ld.so.cache", "/lib", "/lib64", "/usr/lib", "/usr/lib64"} {
		if !slices.Contains(s.Reads, path) {
			s.Reads = append(s.Reads, path)
		}
	}
}

// Kept is what Apply has put into force.
type Kept struct {
	Files bool
	Ports bool // of TCP
}

// ErrNone: the system has nothing of this kind.
var ErrNone = errors.New("this system has no Landlock")
