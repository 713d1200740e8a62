package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/reach/relayed"
)

// What is told of a search by the code alone, while it runs and at its end, is said here.

// sighting is what was told of a search so far.
type sighting struct {
	mu      sync.Mutex // guards what follows
	looks   reach.News // the newest of its kind
	dropped reach.News // likewise; none once a ferry refused the code
	found   bool
	passed  string // the relay in whose room somebody refused the code
	taken   string // the relay at which the room is another delivery's
	advised bool   // what else can be done was said
}

// takes keeps what the end of a search can tell.
func (s *sighting) takes(n reach.News) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n.Kind {
	case reach.NewsLooking:
		s.looks = n
	case reach.NewsFound:
		s.found = true
	case reach.NewsDropped:
		s.dropped = n
	case reach.NewsRefused:
		s.dropped = reach.News{}
		if n.Relay != "" {
			s.passed = n.Relay
		}
	case reach.NewsTaken:
		s.taken = n.Relay
	case reach.NewsHeld:
		s.taken, s.dropped = "", reach.News{}
	}
}

// rooms tells at which relay who is in the room of the code refused it, and at which the
// room is another delivery's; "" for none.
func (s *sighting) rooms() (passed, taken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passed, s.taken
}

// spotOf is where somebody was found, for people.
func spotOf(n reach.News) string {
	if n.Relay != "" {
		return "the relay " + n.Relay
	}
	return hostOf(n.At)
}

// last is why there is no link yet to somebody who was found.
func (s *sighting) last() reach.News {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// text says where the other side is looked for, or why there is no link to who was found.
func (s *sighting) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped.Err != nil {
		return spotOf(s.dropped) + ": " + dialCause(s.dropped.Err)
	}
	if s.looks.Kind == 0 {
		return "waiting for a call" // nothing was said of a search
	}
	return "looking " + lookedAt(s.looks)
}

// where is text as the end of a sentence.
func (s *sighting) where() string {
	text := s.text()
	if at, looked := strings.CutPrefix(text, "looking "); looked {
		text = at
	}
	return ", " + text
}

// advise reports, once, that there is something to say as nobody was found.
func (s *sighting) advise() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found || s.advised {
		return false
	}
	s.advised = true
	return true
}

// unfound says, once that time has passed, what was tried and what else there is. It
// returns when ctx ends or it has spoken.
func (c *connection) unfound(ctx context.Context, after time.Duration, invite *invitation, r renderer) {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		if c.seen.advise() {
			r.advise(append([]string{"nobody with that code has answered yet" + c.seen.where()}, c.otherWays(invite)...))
		}
	}
}

// otherWays are what a person can do if a search finds nobody.
func (c *connection) otherWays(invite *invitation) []string {
	lines := []string{"is ferry " + verbOf(opposite(c.pairing.role)) + " running there, with this code, on this network? Networks and firewalls may drop such questions. Then take the address that it prints:",
		"    here:  " + command(diallingArgs(c.args, c.pairing, anyAddress)...)}
	if invite != nil && len(invite.at) > 0 && invite.scope != reach.OwnMachine {
		lines = append(lines, "or have it call this side:", "    there: "+invite.command())
	}
	return append(lines, "on other networks both can take a relay: see ferry help networks")
}

// otherRoom is what to do about a room that is taken.
const otherRoom = "take a code with another number in front, on both sides"

// notFound is the error at the end of a search.
func (c *connection) notFound(err error, wait time.Duration, invite *invitation) error {
	passed, taken := c.seen.rooms()
	exit := exitOfCode(codeOf(err))
	switch {
	case exit == exitRefused && passed != "" && !errors.Is(err, link.ErrBurnt):
		return &exitError{exit: exit, err: fmt.Errorf("the code was refused in its room at the relay %s, and nobody else came: %w", passed, err),
			hint: "both sides need the same code. If it is the same, that room is another delivery's: " + otherRoom}
	case exit != exitConnection:
		return err
	case taken != "":
		return &exitError{exit: exit, word: "busy", err: fmt.Errorf("the room of this code at the relay %s is another delivery's, and was not free within %s", taken, asGiven(wait.String())), hint: otherRoom}
	}
	if d := c.seen.last(); d.Err != nil {
		return c.noLinkTo(d, wait, invite)
	}
	why := "nobody with that code was found"
	var empty *relayed.Error
	if !errors.Is(err, reach.ErrNobody) && !errors.As(err, &empty) && !errors.Is(err, context.DeadlineExceeded) { // that it took too long is said anyway
		why += ": " + dialCause(err)
	}
	hint := strings.Join(c.otherWays(invite), "\n")
	return &exitError{exit: exitConnection, err: fmt.Errorf("%s within %s%s", why, asGiven(wait.String()), c.seen.where()), hint: hint}
}

// noLinkTo is the error at the end of a search that has found somebody.
func (c *connection) noLinkTo(d reach.News, wait time.Duration, invite *invitation) error {
	err := fmt.Errorf("no link within %s to %s, which was found: %s", asGiven(wait.String()), hostOf(d.At), dialCause(d.Err))
	if d.Relay != "" {
		err = fmt.Errorf("no link within %s to who was found at the relay %s: %s", asGiven(wait.String()), d.Relay, dialCause(d.Err))
	}
	if reach.CauseOf(d.Err) == reach.Busy {
		return &exitError{exit: exitConnection, word: "busy", err: err, hint: c.hintFor(reach.Try{Cause: reach.Busy})}
	}
	return &exitError{exit: exitConnection, err: err, hint: strings.Join(c.otherWays(invite), "\n")}
}
