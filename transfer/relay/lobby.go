package relay

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// How many connections may be there that have asked for nothing yet, or that were refused
// and have a little time to read so. One more has the oldest give way, so that who only sits
// there keeps nobody out.
const (
	lobbyAll    = 1024
	lobbySource = 32
)

// guest is a connection that has asked for nothing yet, or that was refused.
type guest struct {
	conn   net.Conn
	source netip.Prefix // not valid: a proxy, which speaks for others
	told   bool         // a PROXY header said whom it speaks for; nothing else is believed then
}

// lobby holds the guests, the oldest first.
type lobby struct {
	mu     sync.Mutex
	guests []*guest
}

// enter adds a guest. The guest that gives way, if any, is returned, for the caller to
// close its connection.
func (l *lobby) enter(g *guest) (out *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.guests, g) { // one that is refused twice
		l.guests = append(l.guests, g)
	}
	return l.crowded(g)
}

// known says whom a guest speaks for.
func (l *lobby) known(g *guest, source netip.Prefix) (out *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.source = source
	return l.crowded(g)
}

// crowded takes out the guest that gives way to g.
func (l *lobby) crowded(g *guest) *guest {
	same, first := 0, -1
	for i, o := range l.guests {
		if o.source == g.source && g.source.IsValid() {
			same++
			if first < 0 {
				first = i
			}
		}
	}
	if same <= lobbySource {
		if len(l.guests) <= lobbyAll {
			return nil
		}
		first = 0
	}
	out := l.guests[first]
	l.guests = append(l.guests[:first:first], l.guests[first+1:]...)
	return out
}

// leave takes a guest out, and says whether it was still in.
func (l *lobby) leave(g *guest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.guests {
		if o == g {
			l.guests = append(l.guests[:i:i], l.guests[i+1:]...)
			return true
		}
	}
	return false
}

// empty sends all away.
func (l *lobby) empty() {
	l.mu.Lock()
	guests := l.guests
	l.guests = nil
	l.mu.Unlock()
	for _, g := range guests {
		g.conn.Close()
	}
}
