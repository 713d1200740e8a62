// Package confine takes from this process, for good and on all its threads, what
// it will not need any more: a peer that found a fault in it then reaches no more
// than the delivery itself does.
//
// On Linux that is Landlock, by github.com/landlock-lsm/go-landlock: it knows the
// kernel's eleven versions of it and which right came with which, and puts a ruleset
// on all threads of a Go program, with cgo and without. It is called once a process:
// of two rulesets, one on the other, no file can be moved between folders.
//
// Landlock has limits. Modes, owners, times and attributes of what stands elsewhere
// are not guarded. Nor are UDP, which names are resolved over, Multipath TCP, TCP Fast
// Open, a port that the kernel picks for a listener, UNIX sockets, and signals to other
// processes of the same user.
package confine

import (
	"errors"
	"slices"
)

// Set is what the process still needs. Whoever knows of a need adds it: the
// landing, the way to the other side, the limit of the rate.
type Set struct {
	// Folders: all in them may be read, made, written, moved and removed.
	Folders []string
	// Renames: files in them may get another name in the same folder, but not be
	// opened. That is how a list that is open gets its final name. Landlock gives that
	// only with more: files may be removed, and empty ones made, in all folders below.
	Renames []string
	// Reads: these files, and all in these folders, may be read. One that is not
	// there is left out.
	Reads []string
	// Connects and Binds are TCP ports.
	Connects, Binds []uint16
	// AnyPort: the way to the other side uses ports that are not known now.
	AnyPort bool
}

// Resolver adds what it takes to resolve names of machines. The folder that holds
// resolv.conf is added if it is one for that: where it is /etc, a resolv.conf that
// takes the place of the old one is not seen.
func (s *Set) Resolver() {
	s.Reads = append(s.Reads, "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf",
		"/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf")
	s.Connects = append(s.Connects, 53) // an answer that is too long for a datagram
	s.switched()
}

// Accounts adds what it takes to look up users and groups.
func (s *Set) Accounts() {
	s.Reads = append(s.Reads, "/etc/passwd", "/etc/group", "/run/systemd/userdb", "/var/lib/sss/mc")
	s.switched()
}

// switched adds what the C library reads to find out whom it asks for a name, and
// the libraries that ask.
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
