package main

import (
	"net"
	"path/filepath"
	"slices"

	"ferry/cmd/ferry/confine"
	"ferry/transfer/tree"
)

// confinement is what receive still needs once an offer is accepted. What it is
// made of adds its own needs: a way to the other side that opens other connections
// has a place for them here.
type confinement struct {
	landing  *landing
	pairing  pairing
	throttle *throttle
	metadata tree.Metadata // that is permitted
	applied  bool
}

// needs gathers them. The landing is open by now.
func (c *confinement) needs() confine.Set {
	var s confine.Set
	c.landing.needs(&s)
	c.pairing.needs(&s)
	c.throttle.needs(&s)
	if !c.landing.stream && (c.metadata.Owner || c.metadata.Xattrs) {
		s.Accounts()
	}
	return s
}

// apply confines the process, once, and tells how far. That the system has nothing
// to do it with changes nothing about the delivery.
func (c *confinement) apply(env *Env, r renderer) {
	if c.applied || env.Confine == nil {
		return
	}
	c.applied = true
	s := c.needs()
	kept, err := env.Confine(s)
	r.confined(confinedText(s, kept, err))
}

// confinedText says for people what this process cannot do any more.
func confinedText(s confine.Set, kept confine.Kept, err error) string {
	if err != nil {
		return "not confined to the delivery: " + err.Error()
	}
	text := "from now on nothing can be written"
	for i, folder := range s.Folders {
		text += []string{" outside of ", " and "}[min(i, 1)] + show(folder)
	}
	for _, folder := range s.Renames {
		text += ", but files below " + show(folder) + " can be moved and removed"
	}
	if kept.Ports {
		text += ", and no other port be used"
	}
	return text + " (Landlock)"
}

// needs adds the folder, and where the list is if it stands elsewhere.
func (l *landing) needs(s *confine.Set) {
	switch {
	case l.stream:
	case l.dry != nil:
		s.Reads = append(s.Reads, l.path)
	default:
		s.Folders = append(s.Folders, l.path)
	}
	if l.list != nil {
		if _, inside := within(l.path, l.list.path); l.stream || !inside {
			s.Renames = append(s.Renames, filepath.Dir(l.list.path))
		}
	}
}

// needs adds the port that a lost link is dialled at again, and that of further
// streams. A listener has its socket already, and opens no connection.
func (p pairing) needs(s *confine.Set) {
	s.Reads = append(s.Reads, "/proc/sys/net/ipv4", "/proc/sys/net/core") // what connections may ask for
	if p.dial == "" {
		return
	}
	host, port, err := net.SplitHostPort(p.dial)
	number := 0
	if err == nil {
		number, err = net.LookupPort("tcp", port)
	}
	if err != nil { // it has been dialled
		s.AnyPort = true
		return
	}
	s.Connects = append(s.Connects, uint16(number))
	if net.ParseIP(host) == nil && !slices.Contains([]byte(host), '%') {
		s.Resolver()
	}
}

// needs adds the file that the rate is read from. Another file that takes its place
// is not the same to the system: the folder is not opened up for that.
func (t *throttle) needs(s *confine.Set) {
	if t.file != "" {
		s.Reads = append(s.Reads, t.file)
	}
}
