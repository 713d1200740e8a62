// Package reach finds a way to the other side. A Meeting is all ways of one side: the
// addresses that a person was given, its own port, the local network, and a relay. A Climb
// brings a link that goes by a relay or inside ssh to a direct path. And addresses of this
// machine are ranked as a person would, so that the likeliest is printed first.
//
// # What is guaranteed
//
// The first connection that proves the code counts, by whichever way it came. Of two sides
// that look for each other only the receiver dials, so both have the same link. Who answers
// in the place of who was found there hears nothing of the code. A side that refused the
// code is not dialled again, and others are, for as long as the caller says. A relay that
// was named and is not there is an error, and no other way takes its place. With Ways.Dial
// nothing leaves by any other way, and nothing is asked on the local network.
//
// All addresses that were given are dialled, the earlier ones a little sooner. What fails
// before the proof of the code comes last from then on, so that a stranger at one address
// keeps nobody from the right one.
//
// ParseList is pure, and so is the ranking. Own asks the system, and sends no packet.
//
// # What is not
//
// A Meeting proves nothing: package link does, and says what became of each connection. A
// stranger in the same room of a local network or a relay costs a guess, at most one each.
// That an address is ranked first says nothing about a firewall on the way.
//
// # Goroutines
//
// A Meeting owns those that answer on the local network, hold its room and climb, and Close
// waits for them. Meet waits for its own. Each connection has one goroutine for each way
// that is tried, for each name that is looked up, and for each number that is dialled;
// whoever needs the connection waits for all of them. No lock is held while anything
// blocks.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
)

// race makes connections to whichever of several addresses takes one first.
type race struct {
	list   []Address
	dialer net.Dialer
	// proxied says that others dial and look up names, and tell r what became of it.
	proxied bool

	mu sync.Mutex // guards what follows
	// patience is how long the others are tried after a refused code; 0 is no limit.
	patience time.Duration
	tries    map[Address]Try
	known    map[string][]netip.Addr    // by name: the numbers that it had last
	failed   map[netip.AddrPort]int     // connections that failed before their proof
	out      map[netip.AddrPort]bool    // not to be dialled again
	over     map[Address]bool           // the addresses that led there
	given    map[string]netip.AddrPort  // what was dialled, by what the connection says
	names    map[netip.AddrPort]Address // as they were given
	best     netip.AddrPort             // gave the last connection, which has not failed
	refused  time.Time                  // when one was first ruled out
}

// Try is what became of an address so far.
type Try struct {
	Address Address
	Cause   Cause
	Err     error // the first of that cause; nil if there is no answer yet, or NoName and it is looked up
}

// newRace returns a race to the addresses of list, which is not empty. After one of them
// has refused the code the others are tried for as long as patience, until one has proved
// itself; 0 is no limit.
func newRace(list []Address, patience time.Duration) *race {
	return &race{
		list: list, dialer: *link.Dialer(), patience: patience,
		tries: make(map[Address]Try), known: make(map[string][]netip.Addr), failed: make(map[netip.AddrPort]int),
		out: make(map[netip.AddrPort]bool), over: make(map[Address]bool), given: make(map[string]netip.AddrPort), names: make(map[netip.AddrPort]Address),
	}
}

// dial makes a link over r, as link.Dial does. The link is made again over r too.
func (r *race) dial(ctx context.Context, cfg link.Config, wait time.Duration) (*link.Link, error) {
	cfg.Connect, cfg.Failed = r.connect, r.ended
	l, err := link.Dial(ctx, r.Addr(), cfg, wait)
	if err == nil {
		r.mu.Lock()
		r.patience = 0 // it was for the question about the code
		r.mu.Unlock()
	}
	return l, err
}

// Addr has all addresses, as ParseList reads them.
func (r *race) Addr() string { return Join(r.list) }

// tried tells what is known of each address of the list, in its order.
func (r *race) tried() []Try {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Try, len(r.list))
	for i, a := range r.list {
		if t, ok := r.tries[a]; ok {
			all[i] = t
		} else if all[i] = (Try{Address: a}); !r.proxied && !a.number().IsValid() && len(r.known[a.Host]) == 0 {
			all[i].Cause = NoName
		}
	}
	return all
}

// connect makes one connection to one of the addresses of the list, and for a further
// stream, or for who does not know a session, to where the last one led. If none takes one, the error has what became of each.
func (r *race) connect(ctx context.Context, w link.Want) (net.Conn, error) {
	list := r.list
	if w.Purpose != framing.PurposeRejoin && w.Last != nil {
		var err error
		if list, err = ParseList(textOf(w.Last.RemoteAddr())); err != nil {
			return nil, fmt.Errorf("address %w", err)
		}
	}
	if left, limited := r.patienceLeft(); limited {
		if left <= 0 {
			return nil, link.ErrNoWay
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	h := &heat{race: r, list: list, events: make(chan event)}
	conn, err := h.run(ctx)
	if left, limited := r.patienceLeft(); err != nil && limited && left <= 0 {
		return nil, link.ErrNoWay
	}
	return conn, err
}

// patienceLeft is how long the others may yet be tried after a refused code.
func (r *race) patienceLeft() (left time.Duration, limited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.patience <= 0 || r.refused.IsZero() {
		return 0, false
	}
	return r.patience - time.Since(r.refused), true
}

// ended is told of a connection that ended with err before its proof.
func (r *race) ended(at net.Addr, err error, final bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end, ok := r.given[textOf(at)]
	if !ok {
		return
	}
	r.failed[end]++
	if r.best == end {
		r.best = netip.AddrPort{}
	}
	if final {
		// A name is ruled out with all its numbers: it was given as one machine.
		r.out[end], r.over[r.names[end]] = true, true
		if r.refused.IsZero() {
			r.refused = time.Now()
		}
	}
	r.note(r.names[end], err)
}

// note keeps the most informative error of an address. It needs r.mu.
func (r *race) note(a Address, err error) {
	cause := CauseOf(err)
	if t, ok := r.tries[a]; !ok || cause > t.Cause {
		r.tries[a] = Try{a, cause, err}
	}
}

// learnt keeps what a name stands for. For a name that cannot be resolved any more it
// returns what it stood for before: the network may be changing.
func (r *race) learnt(a Address, ips []netip.Addr, err error) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.known[a.Host] = ips
		return ips, nil
	}
	if before := r.known[a.Host]; len(before) > 0 {
		return before, nil
	}
	r.note(a, err)
	return nil, err
}

// lost keeps why there is no connection to end.
func (r *race) lost(a Address, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(a, err)
}

// won keeps where a connection leads.
func (r *race) won(a Address, end netip.AddrPort, conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.best, r.names[end], r.given[textOf(conn.RemoteAddr())] = end, a, end
}

// mostTurns bounds how far back an address comes to stand.
const mostTurns = 3

// turn tells how far back end stands: 0 is the one that worked last, 1 one that has not
// failed, and more for each failure. ok is false if it is not to be dialled.
func (r *race) turn(end netip.AddrPort) (turn int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if end == r.best {
		return 0, true
	}
	return min(1+r.failed[end], mostTurns), !r.out[end]
}

// isOver reports that an address is not to be dialled again, nor looked up.
func (r *race) isOver(a Address) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over[a]
}

func textOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// Error is why no address of a list took a connection.
type Error struct{ Tries []Try }

func (e *Error) Error() string {
	texts := make([]string, len(e.Tries))
	for i, t := range e.Tries {
		texts[i] = t.Address.String() + ": " + bare(t.Err)
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns all of them, the most informative first: whoever looks for one cause
// finds that.
func (e *Error) Unwrap() []error {
	var all []error
	for _, t := range e.Tries {
		if len(all) > 0 && t.Cause > CauseOf(all[0]) {
			all = slices.Insert(all, 0, t.Err)
		} else {
			all = append(all, t.Err)
		}
	}
	return all
}

// bare is an error of package net without the address that stands beside it.
func bare(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}
