// Package reach finds a way to the other side. It ranks the addresses of this machine as a
// person would, so that the likeliest is printed first. And it races connections to the
// addresses that a person was given.
//
// # What is guaranteed
//
// A Race dials all addresses of its list, the earlier ones a little sooner. The first
// connection counts, and the others are closed before it is used. What fails before
// the proof of the code comes last from then on, so that a stranger at one address keeps
// nobody from the right one. An address that refused the code is not dialled again.
//
// ParseList is pure, and so is the ranking. Own asks the system, and sends no packet.
//
// # What is not
//
// A Race proves nothing: package link does, and says what became of each connection. That
// an address is ranked first says nothing about a firewall on the way.
//
// # Goroutines
//
// Each connection that Dial and its link need has one goroutine for each name that is
// looked up, and one for each address that is tried. Whoever needs the connection waits
// for all of them. They take no lock.
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

	"ferry/transfer/link"
)

// Race makes connections to whichever of several addresses takes one first.
type Race struct {
	list   []Address
	dialer net.Dialer

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

// NewRace returns a race to the addresses of list, which is not empty. After one of them
// has refused the code the others are tried for as long as patience, until one has proved
// itself; 0 is no limit.
func NewRace(list []Address, patience time.Duration) *Race {
	return &Race{
		list: list, dialer: *link.Dialer(), patience: patience,
		tries: make(map[Address]Try), known: make(map[string][]netip.Addr), failed: make(map[netip.AddrPort]int),
		out: make(map[netip.AddrPort]bool), over: make(map[Address]bool), given: make(map[string]netip.AddrPort), names: make(map[netip.AddrPort]Address),
	}
}

// Dial makes a link over r, as link.Dial does. The link is made again over r too.
func (r *Race) Dial(ctx context.Context, cfg link.Config, wait time.Duration) (*link.Link, error) {
	cfg.Connect, cfg.Failed = r.connect, r.ended
	l, err := link.Dial(ctx, r.Addr(), cfg, wait)
	if err == nil {
		r.mu.Lock()
		r.patience = 0 // it was for the question about the code
		r.mu.Unlock()
	}
	return l, err
}

// Addr has all addresses, as connect reads them.
func (r *Race) Addr() string { return Join(r.list) }

// Tries tells what is known of each address of the list, in its order.
func (r *Race) Tries() []Try {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Try, len(r.list))
	for i, a := range r.list {
		if t, ok := r.tries[a]; ok {
			all[i] = t
		} else if all[i] = (Try{Address: a}); !a.number().IsValid() && len(r.known[a.Host]) == 0 {
			all[i].Cause = NoName
		}
	}
	return all
}

// connect makes one connection to one of the addresses in addr. If none takes one, the
// error has what became of each.
func (r *Race) connect(ctx context.Context, addr string) (net.Conn, error) {
	list, err := ParseList(addr)
	if err != nil {
		return nil, fmt.Errorf("address %w", err)
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
func (r *Race) patienceLeft() (left time.Duration, limited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.patience <= 0 || r.refused.IsZero() {
		return 0, false
	}
	return r.patience - time.Since(r.refused), true
}

// ended is told of a connection that ended with err before its proof.
func (r *Race) ended(at net.Addr, err error, final bool) {
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
func (r *Race) note(a Address, err error) {
	cause := CauseOf(err)
	if t, ok := r.tries[a]; !ok || cause > t.Cause {
		r.tries[a] = Try{a, cause, err}
	}
}

// learnt keeps what a name stands for. For a name that cannot be resolved any more it
// returns what it stood for before: the network may be changing.
func (r *Race) learnt(a Address, ips []netip.Addr, err error) ([]netip.Addr, error) {
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
func (r *Race) lost(a Address, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(a, err)
}

// won keeps where a connection leads.
func (r *Race) won(a Address, end netip.AddrPort, conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.best, r.names[end], r.given[textOf(conn.RemoteAddr())] = end, a, end
}

// mostTurns bounds how far back an address comes to stand.
const mostTurns = 3

// turn tells how far back end stands: 0 is the one that worked last, 1 one that has not
// failed, and more for each failure. ok is false if it is not to be dialled.
func (r *Race) turn(end netip.AddrPort) (turn int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if end == r.best {
		return 0, true
	}
	return min(1+r.failed[end], mostTurns), !r.out[end]
}

// isOver reports that an address is not to be dialled again, nor looked up.
func (r *Race) isOver(a Address) bool {
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
