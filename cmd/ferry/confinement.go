package main

import (
	"net"
	"path/filepath"
	"slices"

	"ferry/cmd/ferry/confine"
	"ferry/transfer/reach"
	"ferry/transfer/tree"
)

// confinement collects what receive still needs from the system once an offer is
// accepted. Each of its parts adds its own needs in a method named needs.
type confinement struct {
	landing  *landing
	way      interface{ needs(s *confine.Set) } // to the other side
	throttle *throttle
	metadata tree.Metadata // that is permitted
	applied  bool
}

// needs returns all that is needed. It is called after the landing is open.
func (c *confinement) needs() confine.Set {
	var s confine.Set
	c.landing.needs(&s)
	c.way.needs(&s)
	c.throttle.needs(&s)
	if c.landing.isFolder() && (c.metadata.Owner || c.metadata.Xattrs) {
		s.Accounts()
	}
	return s
}

// apply confines the process, once, and shows what that covers. A system without such
// means delivers all the same.
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
	case l.depot != nil:
		l.depot.needs(s)
	case l.dry != nil:
		s.Reads = append(s.Reads, l.path)
	default:
		s.Folders = append(s.Folders, l.path)
	}
	if l.list != nil {
		if _, inside := within(l.path, l.list.path); !l.isFolder() || !inside {
			s.Renames = append(s.Renames, filepath.Dir(l.list.path))
		}
	}
}

// needs adds the ports that are dialled again after a lost link and for more streams. A
// listener has its socket already and opens no connections, but to those on the local
// network whose firewall lets nobody in: they are dialled from its port. Where both sides
// have such a firewall each further connection needs a port of its own, which nobody knows
// beforehand.
func (c *connection) needs(s *confine.Set) {
	p := c.pairing
	if proxy := p.ways.proxy; proxy != nil {
		s.Connects = append(s.Connects, proxy.Port())
		s.Resolver()
		s.AnyPort = p.ways.relay != nil && !proxy.Takes(p.ways.relay.Addr())
	} else if p.ways.relay != nil { // and a link that climbs dials what the other side names
		s.AnyPort = true
		s.Resolver()
	}
	if p.ways.lan {
		s.AnyPort = s.AnyPort || c.meeting.BothCall()
		s.Connects = append(append(s.Connects, reach.DefaultPort), c.meeting.Ports()...)
		s.Binds = append(s.Binds, c.meeting.Port())
		s.Reads = append(s.Reads, "/proc/net/arp")
	}
	s.Reads = append(s.Reads, "/proc/sys/net/ipv4", "/proc/sys/net/core") // what connections may ask for
	for _, a := range p.to {
		s.Connects = append(s.Connects, a.Port)
		if net.ParseIP(a.Host) == nil && !slices.Contains([]byte(a.Host), '%') {
			s.Resolver()
		}
	}
}

// needs adds the file that the rate is read from. If another file replaces it, that one
// cannot be read: allowing the whole folder would be too much.
func (t *throttle) needs(s *confine.Set) {
	if t.file != "" {
		s.Reads = append(s.Reads, t.file)
	}
}
