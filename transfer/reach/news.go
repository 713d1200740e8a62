package reach

import (
	"net"
	"strings"
)

// NewsKind is what News tells of.
type NewsKind uint8

// The kinds of news.
const (
	NewsLooking NewsKind = iota + 1 // the other side is looked for, on Interfaces and at Relay
	NewsFound                       // somebody with that room is at At, on one of Interfaces
	NewsRefused                     // who is at At, or in the room at Relay, refused the code; others are still looked for
	NewsDropped                     // there is no link yet to who was found at At, because of Err
	NewsRelay                       // there is no connection to Relay, because of Err; nil: there is again
	NewsPath                        // the link goes by Path from now on
	NewsTaken                       // the room at Relay is another delivery's; it is claimed once it is free
	NewsHeld                        // the room at Relay was another delivery's, and is this side's now
)

// News is what a person may want to know of how the two sides meet, and of the way that
// their link takes.
type News struct {
	Kind       NewsKind
	At         string
	Interfaces []string
	Relay      string // its host
	Path       string // begins with direct, relay or ssh
	Err        error
}

// direct is the path with nobody on the way, and bothClosed that of a connection which was
// opened by both sides at once.
const (
	direct     = "direct"
	bothClosed = direct + ", both firewalls closed"
)

// IsDirect reports whether a path, as News tells it, has nobody on the way.
func IsDirect(path string) bool { return strings.HasPrefix(path, direct) }

// told is where people were told that c is, which may be found in several places. at is
// where it was dialled.
func (f *field) told(c *candidate, at net.Addr) string {
	if c != nil && c.instance != ([8]byte{}) {
		for _, o := range f.all {
			if o.instance == c.instance {
				return o.key
			}
		}
	}
	return textOf(at)
}
