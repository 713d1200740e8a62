package reach

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ferry/transfer/link"
)

// candidate is one way to the other side, which may lead to somebody else.
type candidate struct {
	key      string // what it is known by, once
	rank     int    // the order in which ways are tried
	instance [8]byte
	relayed  bool
	port     uint16     // on the LAN; 0 elsewhere
	host     netip.Addr // on the LAN, with a zone if it is link-local

	// Guarded by the mutex of the Meeting.
	dial   func(ctx context.Context, want link.Want) (net.Conn, error)
	failed int  // connections that ended before their proof
	out    bool // not to be tried again
}

// given is the key of the candidate that has all addresses of the command line.
const given = "given"

// The ranks. Between two of them one has a lead of stagger.
const (
	rankLAN6 = iota
	rankLAN4
	rankGiven
	// rankRelay leaves those on the LAN the time of a question and its answer.
	rankRelay = rankGiven + 8
)

// field has all candidates of a Meeting.
type field struct {
	all     []*candidate
	proving *candidate         // whose connection is being proved, or was last
	answers [8]byte            // who answers there
	best    *candidate         // gave the last connection, which has not failed before its proof
	sighted int                // how many were told of as found
	refused time.Time          // when one first refused the code
	punched map[string]bool    // by address: it is reached only when both sides call
	unknown [][8]byte          // instances that did
	wrong   map[netip.Addr]int // how often hosts on the LAN did
	changed chan struct{}
}

// fill adds the candidates of list that are new. One that is there is dialled in the new
// way from then on.
func (f *field) fill(list []*candidate) {
	fresh := false
	for _, c := range list {
		at := slices.IndexFunc(f.all, func(o *candidate) bool { return o.key == c.key && o.instance == c.instance })
		if at < 0 {
			f.enter(c)
			fresh = true
		} else {
			f.all[at].dial = c.dial
		}
	}
	if fresh {
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

// On the LAN anybody can be found in many places. One host has mostOfHost of them, and all
// together mostOnLAN: the oldest make room. A new place of a host has failed as often as
// those that it had. Who has refused the code mostWrong times is not dialled any more, so
// that one host alone cannot use up the exchanges that the code bears.
const (
	mostOfHost = 4
	mostOnLAN  = 64
	mostWrong  = 3
)

// enter adds a candidate.
func (f *field) enter(c *candidate) {
	if c.host.IsValid() {
		same, all := 0, 0
		for _, o := range f.all {
			if o.host.IsValid() {
				all++
			}
			if o.host == c.host {
				same++
				c.failed = max(c.failed, o.failed)
			}
		}
		if same >= mostOfHost || all >= mostOnLAN {
			at := slices.IndexFunc(f.all, func(o *candidate) bool {
				return o != f.proving && o != f.best && (o.host == c.host || same < mostOfHost && o.host.IsValid())
			})
			f.all = slices.Delete(f.all, at, at+1)
		}
	}
	f.all = append(f.all, c)
}

// refusedBy notes whose the candidate is that refused the code.
func (f *field) refusedBy(c *candidate) {
	who := c.instance
	if c.relayed {
		who = f.answers // anybody can be in a room
	}
	if who != ([8]byte{}) {
		f.unknown = append(f.unknown, who)
	}
	if c.host.IsValid() {
		if f.wrong == nil {
			f.wrong = make(map[netip.Addr]int)
		}
		f.wrong[c.host]++
	}
}

// usable are the candidates to be tried, in their order, with the pause before each. What
// has failed comes behind all that has not: strangers in many places keep nobody waiting.
func (f *field) usable(rejoins bool) (list []*candidate, leads []time.Duration) {
	for _, c := range f.all {
		if !c.out && !slices.Contains(f.unknown, c.instance) && f.wrong[c.host] < mostWrong {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(min(a.failed, mostTurns), min(b.failed, mostTurns)), cmp.Compare(a.rank, b.rank))
	})
	for i, c := range list {
		after := time.Duration(i)*stagger + time.Duration(min(c.failed, mostTurns))*lead
		if c.relayed {
			after = max(after, rankRelay*stagger)
		}
		if rejoins && c != f.best {
			after += lead
		} else if rejoins {
			after = 0
		}
		leads = append(leads, after)
	}
	return list, leads
}

// chase is one connect of a Meeting: its loop owns all fields but what the goroutines of
// its dials report by events.
type chase struct {
	meeting *Meeting
	want    link.Want
	began   time.Time
	runs    map[*candidate]*run
	events  chan reached
	wg      sync.WaitGroup
}

// run is one candidate in a chase.
type run struct {
	at    time.Time // when it is dialled next
	busy  bool
	pause time.Duration // after the last failure; 0 before it
}

// reached is the end of a dial.
type reached struct {
	from *candidate
	conn net.Conn
	err  error
}

// ErrNobody says that no way has shown up yet.
var ErrNobody = errors.New("nobody with that code has answered yet")

// first returns the first connection. It waits for candidates until ctx ends, and ends
// sooner if there is none left and none can come.
func (h *chase) first(ctx context.Context) (net.Conn, error) {
	dialling, cancel := context.WithCancel(ctx)
	defer h.wg.Wait()
	defer cancel()
	last := error(nil)
	for {
		next, changed, alive := h.start(dialling)
		if !alive {
			return nil, cmp.Or(last, link.ErrNoWay)
		}
		timer := time.NewTimer(next)
		select {
		case e := <-h.events:
			timer.Stop()
			if e.conn != nil {
				h.meeting.won(e.from)
				return e.conn, nil
			}
			if last = e.err; h.meeting.lost(e.from, e.err, h.want) {
				return nil, e.err
			}
			if h.settle(e.from) {
				return nil, e.err
			}
		case <-changed:
			timer.Stop()
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, cmp.Or(last, ErrNobody)
		}
	}
}

// start dials all whose time has come. It tells how long nothing else is to be done, and
// whether anything can still come of it.
func (h *chase) start(ctx context.Context) (next time.Duration, changed <-chan struct{}, alive bool) {
	m := h.meeting
	m.mu.Lock()
	list, leads := m.field.usable(h.want.Purpose == purposeRejoin)
	changed, asking := m.field.changed, m.asking
	left, bounded := m.patienceLeft()
	m.mu.Unlock()
	next = time.Hour
	if bounded {
		if left <= 0 {
			return 0, changed, false
		}
		next = left
	}
	for i, c := range list {
		r := h.runs[c]
		if r == nil {
			r = &run{at: h.began.Add(leads[i])}
			h.runs[c] = r
		}
		if r.busy {
			continue
		}
		if wait := time.Until(r.at); wait > 0 {
			next = min(next, wait)
			continue
		}
		r.busy = true
		h.wg.Go(func() { h.dial(ctx, c) })
	}
	return next, changed, len(list) > 0 || asking
}

// settle plans the next try of a candidate that failed. It tells that nothing else runs,
// and nothing can show up: the caller has pauses of its own.
func (h *chase) settle(c *candidate) (over bool) {
	r := h.runs[c]
	r.busy, r.pause = false, min(max(firstPause, 2*r.pause), longestPause)
	r.at = time.Now().Add(r.pause)
	for _, r := range h.runs {
		if r.busy || r.pause == 0 {
			return false
		}
	}
	m := h.meeting
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.asking
}

// dial tries one candidate and reports to the loop, unless that has ended.
func (h *chase) dial(ctx context.Context, c *candidate) {
	h.meeting.mu.Lock()
	dial := c.dial
	h.meeting.mu.Unlock()
	conn, err := dial(ctx, h.want)
	select {
	case h.events <- reached{c, conn, err}:
	case <-ctx.Done():
		if conn != nil {
			_ = conn.Close()
		}
	}
}
