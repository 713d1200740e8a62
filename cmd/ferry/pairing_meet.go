package main

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/reach/relayed"
)

// This file makes the link of a delivery:
//
//  1. connect opens the ways that the command line allows, and tells how the other side
//     starts.
//  2. await waits for a link by any of them, and says what can be done while there is none.
//  3. A code that was typed and refused is asked for again, which begins anew.

// connection is a link, and what is needed to make another one like it.
type connection struct {
	*link.Link
	pairing pairing
	config  link.Config
	args    []string // the command line
	meeting *reach.Meeting
	made    bool               // the code was made up here
	tries   func() []reach.Try // of the addresses that were given
	seen    sighting
}

// close ends the ways; the link is closed by the delivery.
func (c *connection) close() error { return c.meeting.Close() }

// connect makes the link, and tells r how to start the other side.
func (s *codeSource) connect(ctx context.Context, code link.Code, made bool, r renderer) (*connection, error) {
	for {
		c, err := s.open(ctx, code, made, r)
		if err != nil {
			return nil, err
		}
		err = c.await(ctx, s, r)
		if err == nil {
			return c, nil
		}
		err = errors.Join(err, c.close())
		if t := s.pairing.server; t != nil && t.more(err) {
			continue
		}
		if !refused(err) {
			return nil, err
		}
		if code, err = s.again(ctx, screenOf(r), err); err != nil {
			return nil, err
		}
	}
}

// screenOf is where people are asked; nil where r is for programs.
func screenOf(r renderer) *screen {
	if people, ok := r.(*console); ok {
		return people.screen
	}
	return nil
}

// oneMoreTry is how long others are tried after one has refused a code that a person at
// the terminal can type again.
const oneMoreTry = 3 * time.Second

// open opens the ways to the other side.
func (s *codeSource) open(ctx context.Context, code link.Code, made bool, r renderer) (*connection, error) {
	p := s.pairing
	c := &connection{pairing: p, args: s.env.Args, made: made}
	var keys *link.Keys
	if p.server != nil {
		var err error
		if keys, err = p.server.keysFor(ctx, screenOf(r)); err != nil {
			return nil, err
		}
	}
	patience := time.Duration(0)
	if s.typed && s.left > 0 {
		patience = oneMoreTry
	}
	ways := p.waysFor(code, made, patience)
	ways.Tell = func(n reach.News) {
		c.seen.takes(n)
		r.meets(n)
	}
	var err error
	if c.meeting, err = reach.Open(ctx, ways); err != nil {
		return nil, c.cannotOpen(ctx, err)
	}
	if n := c.meeting.Allocated(); n > 0 {
		code = code.InRoom(n)
	}
	c.tries = c.meeting.Tries
	c.config = link.Config{Role: p.role, Code: code, Timeout: p.timeout, RetryFor: p.retry, Capabilities: p.offers | framing.CapWide | framing.CapCopy | framing.CapNames | framing.CapStored, Links: p.links}
	if p.ways.relay != nil && p.ways.proxy == nil {
		c.config.Capabilities |= framing.CapPaths
	}
	if p.server != nil {
		c.config.Keys = keys
		c.config.Capabilities |= p.server.capabilities(p.role)
	}
	invite := c.invitation(s, code)
	c.config.Notify = c.notify(ctx, invite, r)
	if err := c.meeting.Serve(c.config, code.Room()); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if invite != nil && (made || !ways.Search || p.role == link.Sender) {
		r.listening(*invite)
		s.shown = invite.code
	}
	return c, nil
}

// invitation is how the other side comes here; nil where this side only dials. Behind a
// proxy it may be called at the relay alone.
func (c *connection) invitation(s *codeSource, code link.Code) *invitation {
	at := c.meeting.Addr()
	var invite invitation
	switch relay := c.pairing.ways.relay; {
	case at != nil:
		invite = inviteTo(at, c.pairing.role)
	case c.pairing.dials() || relay == nil:
		return nil
	default:
		invite = invitation{role: c.pairing.role, scope: reach.Anywhere, relay: relay.Host()}
	}
	invite.meet = c.pairing.meetCommand()
	if c.made {
		invite.code = code.Reveal()
	} else if s.env.interactive() && c.pairing.codeFile != "-" && !s.typed {
		invite.held = cmp.Or(c.pairing.codeFile, codeVariable)
	}
	return &invite
}

// notify tells r of the events of the link. Once it advises a side whose other side plays
// the same part.
func (c *connection) notify(ctx context.Context, invite *invitation, r renderer) func(link.Event) {
	var once sync.Once
	return func(e link.Event) {
		// Whoever ended the program waits for no link.
		if e.Kind == link.EventLost && ctx.Err() != nil {
			return
		}
		// That nobody has answered yet is told by the line about the search.
		if e.Kind == link.EventWaiting && errors.Is(e.Err, reach.ErrNobody) {
			return
		}
		r.linkEvent(e)
		switch {
		case e.Kind == link.EventBroken && errors.Is(e.Err, link.ErrSameRole) && invite != nil:
			once.Do(func() { r.advise(sameRoleThere(c.pairing.role, e.Addr, invite.command())) })
		case e.Kind == link.EventWaiting && len(c.tries()) > 0 && reach.CauseOf(e.Err) == reach.SameRole:
			once.Do(func() { r.advise(c.sameRoleHere()) })
		}
	}
}

const (
	// callPatience is how long a listener waits before it wonders.
	callPatience = 30 * time.Second
	// findPatience is how long a search takes before it says what else can be done.
	findPatience = 5 * time.Second
)

// await makes the link. It says once what can be done if nobody is found, or calls.
func (c *connection) await(ctx context.Context, s *codeSource, r renderer) error {
	var watch sync.WaitGroup
	defer watch.Wait()
	met, cancel := context.WithCancel(ctx)
	defer cancel()
	wait := c.pairing.limit(c.made)
	invite := c.invitation(s, c.config.Code)
	switch {
	case c.pairing.dials():
		r.searching(&search{tries: c.tries, began: time.Now(), wait: wait})
		defer r.searching(nil)
	case c.searches():
		r.searching(&search{tries: c.tries, looks: c.seen.text, began: time.Now(), wait: wait})
		defer r.searching(nil)
		watch.Go(func() { c.unfound(met, findPatience, invite, r) })
	default:
		watch.Go(func() { c.remind(met, callPatience, *invite, r) })
	}
	var err error
	c.Link, err = c.meeting.Meet(ctx, c.config, wait)
	switch {
	case err == nil, ctx.Err() != nil:
		return err
	case relayError(err) != nil:
		return c.cannotOpen(ctx, err)
	case c.pairing.dials():
		return c.explain(err)
	case c.searches():
		return c.notFound(err, wait, invite)
	case wait > 0 && errors.Is(err, context.DeadlineExceeded):
		return c.notCalled(*invite)
	}
	return err
}

// searches reports whether this side looks for the other one.
func (c *connection) searches() bool { return !c.made && c.pairing.searches() }

// cannotOpen is the error of a side whose ways cannot be opened. A relay that was named
// is never replaced by another way.
func (c *connection) cannotOpen(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return err
	}
	if no := relayError(err); no != nil && reach.CauseOf(no) == reach.NoProxy {
		return &exitError{exit: exitConnection, word: proxyWord, err: no, hint: proxyHint(no)}
	} else if no != nil {
		return &exitError{exit: exitConnection, err: no, hint: relayHint(no)}
	}
	return &exitError{exit: exitConnection, err: err, hint: listenHint(err)}
}

// relayError is why a relay that was named ends the command, nil if it does not.
func relayError(err error) *relayed.Error {
	var no *relayed.Error
	if errors.As(err, &no) && errors.Is(err, link.ErrNoWay) {
		return no
	}
	return nil
}

// relayHint is what can be done about a relay that does not help.
func relayHint(no *relayed.Error) string {
	if no.Pin != "" {
		return "its operator knows the pin, which ferry relay prints: if it is that one, take --relay '" + no.URL.Pinned(no.Pin) + "'"
	}
	switch no.Code {
	case framing.CodePermission:
		return "its operator has the token: --relay-token FILE, or " + tokenVariable
	case framing.CodeLocked:
		return "that code's room is another delivery's there: " + otherRoom
	case framing.CodeLost, framing.CodeTimeout:
		return "is ferry relay running there, and its port open? --relay off goes without"
	}
	return "--relay off goes without it"
}

// listenHint is what can be done about an address that cannot be listened on.
func listenHint(err error) string {
	const free = "--listen :0 picks a free port"
	switch {
	case reach.PortTaken(err):
		return "another ferry may be listening there; " + free
	case reach.PortForbidden(err):
		return "that port takes more rights; " + free
	case reach.NotOwn(err):
		return "that is no address of this machine; without a host, as in --listen :33779, it listens on all of them"
	}
	return free
}

// another takes the link of one more peer.
func (c *connection) another(ctx context.Context) (*link.Link, error) {
	return c.meeting.Meet(ctx, c.config, 0)
}

// refused reports whether the other side refused the code.
func refused(err error) bool {
	var le *link.Error
	return errors.As(err, &le) && le.Remote && le.Code == framing.CodeCodeRefused
}

// meetAgain makes another link to a side whose process was started again. It waits as
// long as for a lost link.
func (c *connection) meetAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.pairing.retry)
	defer cancel()
	var err error
	c.Link, err = c.meeting.Meet(ctx, c.config, c.pairing.retry)
	if c.pairing.dials() {
		err = c.explain(err)
	}
	return err
}
