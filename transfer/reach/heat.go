package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ferry/transfer/link"
)

const (
	// stagger is the lead of an address over the next one.
	stagger = 50 * time.Millisecond
	// lead is that of what works, or has not failed, over what has failed more often.
	lead = time.Second
	// Within one heat an address that fails at once is dialled again, after pauses that
	// grow between these two, for as long as another one keeps it waiting.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
	// mostNumbers is how many numbers of one name are dialled.
	mostNumbers = 8
)

// heat is one connect of a race. Its loop owns all fields, and its goroutines report to
// the loop by events.
type heat struct {
	race    *race
	list    []Address
	lanes   []*lane
	lookups int // that run
	running int // dials that run
	began   time.Time
	events  chan event
	wg      sync.WaitGroup
}

// lane is one number to dial, or a name that is looked up, which is busy to the end.
type lane struct {
	of    Address
	end   netip.AddrPort // not valid of a name
	at    time.Time      // when it is dialled next
	busy  bool
	pause time.Duration // after the last failure
	err   error         // of the last try; nil before it
}

// event is the end of a dial or of a lookup.
type event struct {
	lane  *lane
	conn  net.Conn
	index int // of the address that was looked up
	ips   []netip.Addr
	err   error
}

// run returns the first connection. Without any it returns once all have failed, or when
// ctx ends.
func (h *heat) run(ctx context.Context) (net.Conn, error) {
	dialling, cancel := context.WithCancel(ctx)
	defer h.wg.Wait()
	defer cancel()
	h.began = time.Now()
	for i, a := range h.list {
		if h.race.isOver(a) {
			continue
		}
		if ip := a.number(); ip.IsValid() {
			h.enter(i, ip)
			continue
		}
		l := &lane{of: a, busy: true}
		h.lanes = append(h.lanes, l)
		h.lookups++
		h.wg.Go(func() {
			ips, err := net.DefaultResolver.LookupNetIP(dialling, "ip", a.Host)
			h.report(dialling, event{lane: l, index: i, ips: ips, err: err})
		})
	}
	for {
		if h.running == 0 {
			h.hurry()
		}
		h.start(dialling)
		if h.running == 0 && h.lookups == 0 {
			return nil, h.failure()
		}
		timer := time.NewTimer(h.rest())
		select {
		case e := <-h.events:
			if e.conn != nil {
				timer.Stop()
				h.race.won(e.lane.of, e.lane.end, e.conn)
				return e.conn, nil
			}
			h.take(e)
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			h.expire(ctx.Err())
			return nil, h.failure()
		}
		timer.Stop()
	}
}

// report hands an event to the loop, unless it has ended.
func (h *heat) report(ctx context.Context, e event) {
	select {
	case h.events <- e:
	case <-ctx.Done():
		if e.conn != nil {
			_ = e.conn.Close()
		}
	}
}

// enter adds a number of the address at index, unless it is ruled out or there.
func (h *heat) enter(index int, ip netip.Addr) {
	a := h.list[index]
	end := netip.AddrPortFrom(ip.Unmap(), a.Port)
	turn, ok := h.race.turn(end)
	if !ok {
		return
	}
	same := 0
	for _, l := range h.lanes {
		if l.end == end {
			return
		}
		if l.of == a && l.end.IsValid() {
			same++
		}
	}
	if same == mostNumbers {
		return
	}
	at := h.began.Add(time.Duration(index+same)*stagger + time.Duration(turn)*lead)
	h.lanes = append(h.lanes, &lane{of: a, end: end, at: at})
}

// hurry has nobody wait while nothing is tried: those not dialled yet move up.
func (h *heat) hurry() {
	next := h.next(func(l *lane) bool { return l.err == nil })
	if next == nil {
		return
	}
	early := time.Until(next.at)
	for _, l := range h.lanes {
		if l.err == nil && early > 0 {
			l.at = l.at.Add(-early)
		}
	}
}

// next is the lane whose turn comes first among those that do not run.
func (h *heat) next(which func(*lane) bool) (first *lane) {
	for _, l := range h.lanes {
		if !l.busy && which(l) && (first == nil || l.at.Before(first.at)) {
			first = l
		}
	}
	return first
}

// start dials all whose time has come. One that failed is dialled again only while others
// are still tried.
func (h *heat) start(ctx context.Context) {
	fresh := h.running > 0 || h.lookups > 0
	for {
		l := h.next(func(l *lane) bool { return l.err == nil || fresh })
		if l == nil || time.Until(l.at) > 0 {
			return
		}
		fresh = fresh || l.err == nil
		l.busy = true
		h.running++
		h.wg.Go(func() {
			conn, err := h.race.dialer.DialContext(ctx, "tcp", l.end.String())
			h.report(ctx, event{lane: l, conn: conn, err: err})
		})
	}
}

// rest is how long nothing has to be started.
func (h *heat) rest() time.Duration {
	if l := h.next(func(*lane) bool { return true }); l != nil {
		return max(0, time.Until(l.at))
	}
	return time.Hour
}

// take learns from what ended without a connection.
func (h *heat) take(e event) {
	l := e.lane
	if !l.end.IsValid() {
		h.lookups--
		ips, err := h.race.learnt(l.of, e.ips, e.err)
		if err != nil {
			l.err = err
			return
		}
		h.lanes = slices.DeleteFunc(h.lanes, func(other *lane) bool { return other == l })
		for _, ip := range ips {
			h.enter(e.index, ip)
		}
		return
	}
	h.running--
	h.race.lost(l.of, e.err)
	l.busy, l.err = false, e.err
	l.pause = min(max(firstPause, 2*l.pause), longestPause)
	l.at = time.Now().Add(l.pause)
}

// expire notes that there was no answer from what still runs.
func (h *heat) expire(err error) {
	for _, l := range h.lanes {
		if l.err == nil {
			if l.err = err; !l.end.IsValid() {
				l.err = &net.DNSError{Err: err.Error(), Name: l.of.Host, IsTimeout: true}
			}
			h.race.lost(l.of, l.err)
		}
	}
}

// failure is what became of all, the most informative of each address.
func (h *heat) failure() error {
	if len(h.lanes) == 0 {
		return link.ErrNoWay
	}
	e := &Error{}
	for _, a := range h.list {
		var t *Try
		for _, l := range h.lanes {
			if l.of != a || l.err == nil {
				continue
			}
			if c := CauseOf(l.err); t == nil || c > t.Cause {
				t = &Try{a, c, l.err}
			}
		}
		if t != nil {
			e.Tries = append(e.Tries, *t)
		}
	}
	if len(e.Tries) == 0 {
		return errors.New("nothing was dialled")
	}
	return e
}
