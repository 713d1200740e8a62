package lan

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/reach/socket"
)

const (
	// mostRounds in roundsWithin bound what a search sends.
	mostRounds   = 6
	roundsWithin = 10 * time.Second
	// usually is the time between rounds when the first ones are over.
	usually        = 5 * time.Second
	mostNeighbours = 64
	// mostFound bounds the addresses that are kept, and those that wait to be taken. Older
	// ones make room, so that strangers in many places hide nobody who comes later.
	mostFound = 64
	// unanswered is when a dial that was not answered asks the other side to call: three
	// times what a slow LAN needs.
	unanswered = 500 * time.Millisecond
)

// firstRounds are when the first questions go out, after the start.
func firstRounds() []time.Duration {
	return []time.Duration{0, 250 * time.Millisecond, time.Second, 3 * time.Second}
}

// Self is this side, as those who ask and answer are told of it.
type Self struct {
	Role framing.Role
	Room string
	// Port is the TCP port of a listener of package socket, which is dialled from too.
	Port uint16
	// Instance is that of the listener. Zero: nobody listens here.
	Instance [8]byte
	// Searches is told in answers: this side searches as well.
	Searches bool
}

// Found is an address of a side that has the room, and the other role. Nothing of it is
// proved.
type Found struct {
	Addr      netip.AddrPort // with a zone if it is link-local
	Instance  [8]byte
	Interface string // of this machine, that leads there
	Searches  bool   // it searches as well
}

// Searcher asks for the other side until it is closed.
//
//  1. run asks in rounds, as the interfaces are at the time.
//  2. hear takes answers, and the questions of another that searches and listens.
//  3. Found has each address once, unless more than can be kept have come since.
type Searcher struct {
	*station
	nonce  [8]byte
	tag    [8]byte
	found  chan Found
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended
	urgent chan struct{} // a round is wanted at once

	waiting sync.Mutex // guards what follows
	calls   int        // dials that go unanswered
	known   map[Found]bool
	order   []Found // of known, the oldest first
	shut    bool    // found is closed
}

// Search starts to ask. It never fails: Report tells what keeps it from asking. It ends
// with ctx, and Close waits for that.
func Search(ctx context.Context, self Self) *Searcher {
	ctx, cancel := context.WithCancel(ctx)
	s := &Searcher{
		found: make(chan Found, mostFound), cancel: cancel, done: make(chan struct{}), urgent: make(chan struct{}, 1),
		known: make(map[Found]bool),
	}
	_, _ = rand.Read(s.nonce[:]) // which never fails
	s.tag = tagOf(s.nonce, self.Room)
	s.station = newStation(self, []int{0, groupPort}, s.hear)
	go s.run(ctx)
	return s
}

// Found has each address when it is first heard of, or is heard of again after many others.
// It is closed when the search is over.
func (s *Searcher) Found() <-chan Found { return s.found }

// Report tells what was done so far.
func (s *Searcher) Report() Report { return s.report() }

// Close ends the search, and waits until nothing of it is left.
func (s *Searcher) Close() {
	s.cancel()
	<-s.done
}

func (s *Searcher) run(ctx context.Context) {
	defer close(s.done)
	defer s.end()
	var sent []time.Time // the last rounds
	for n := 0; ; n++ {
		s.look(ctx)
		s.ask(n)
		sent = append(sent, time.Now())
		if !s.rest(ctx, n, sent) {
			return
		}
		sent = sent[max(0, len(sent)-mostRounds):]
	}
}

// rest waits for the next round. What is urgent shortens that, as far as the limit on
// rounds lets it.
func (s *Searcher) rest(ctx context.Context, n int, sent []time.Time) bool {
	next := usually
	if first := firstRounds(); n+1 < len(first) {
		next = first[n+1] - first[n]
	}
	least := time.Duration(0)
	if len(sent) >= mostRounds {
		least = time.Until(sent[len(sent)-mostRounds].Add(roundsWithin))
	}
	timer := time.NewTimer(max(next, least))
	defer timer.Stop()
	urgent := s.urgent
	if least > 0 {
		urgent = nil
	}
	select {
	case <-timer.C:
	case <-urgent:
	case <-ctx.Done():
		return false
	}
	return true
}

// ask sends round n, from 0.
func (s *Searcher) ask(n int) {
	question := message{nonce: s.nonce, tag: s.tag, role: s.self.Role, port: s.self.Port, instance: s.self.Instance}
	s.waiting.Lock()
	if s.calls > 0 {
		question.flags |= flagCall
	}
	s.waiting.Unlock()
	if s.self.Searches {
		question.flags |= flagSearches
	}
	raw, err := question.append(nil)
	if err != nil {
		return // cannot be: all its parts are of fixed size
	}
	s.mu.Lock()
	list := s.faces
	s.mu.Unlock()
	for _, family := range []int{4, 6} {
		k := s.at(family, 0)
		if k == nil {
			continue
		}
		for _, f := range list {
			if !f.has(family) {
				continue
			}
			// What cannot be sent is told by Report, and may be possible in the next round.
			_ = s.send(k, raw, f, netip.Addr{}, netip.AddrPortFrom(group(family), groupPort))
			if family == 4 {
				for _, all := range f.broadcasts() {
					_ = s.send(k, raw, f, netip.Addr{}, netip.AddrPortFrom(all, directPort))
				}
			}
		}
	}
	if n == 1 {
		s.askNeighbours(raw, list)
	}
}

func (s *Searcher) askNeighbours(raw []byte, list []face) {
	left := mostNeighbours
	for _, n := range neighbours() {
		for _, f := range list {
			k := s.at(familyOf(n.ip), 0)
			if f.index != n.index || k == nil || !f.leads(n.ip) || f.owns(n.ip) || left == 0 {
				continue
			}
			left--
			to := n.ip
			if to.Is6() && to.IsLinkLocalUnicast() {
				to = to.WithZone(f.name)
			}
			_ = s.send(k, raw, f, netip.Addr{}, netip.AddrPortFrom(to, directPort))
		}
	}
}

// hear is called by the goroutines of the sockets.
func (s *Searcher) hear(p packet) {
	m, err := parse(p.raw)
	if err != nil || m.role == s.self.Role || m.port == 0 || m.instance == [8]byte{} || m.instance == s.self.Instance {
		return
	}
	// A question has a nonce of its own. Who asks it can be dialled too, if he listens.
	if m.answer && m.nonce != s.nonce || m.tag != tagOf(m.nonce, s.self.Room) {
		return
	}
	s.count()
	f := Found{
		Addr:     netip.AddrPortFrom(p.from.Addr(), m.port),
		Instance: m.instance, Interface: p.by.name, Searches: !m.answer || m.flags&flagSearches != 0,
	}
	s.waiting.Lock()
	defer s.waiting.Unlock()
	if s.shut || s.known[f] {
		return
	}
	select {
	case s.found <- f:
	default:
		return // nobody takes what there is: the next answer comes soon
	}
	if len(s.order) == mostFound {
		delete(s.known, s.order[0])
		s.order = s.order[1:]
	}
	s.known[f], s.order = true, append(s.order, f)
}

func (s *Searcher) end() {
	s.close()
	s.waiting.Lock()
	defer s.waiting.Unlock()
	s.shut = true
	close(s.found)
}

// Dial makes a connection to f, from Self.Port, and goes on until ctx ends. If f does not
// answer soon, questions ask it to call: then both sides open the connection together, and
// called is true. Several may run at a time: one that waited longer than a LAN needs, while
// another had asked for calls, was called for that.
func (s *Searcher) Dial(ctx context.Context, f Found) (conn net.Conn, called bool, err error) {
	began := time.Now()
	soon := time.AfterFunc(unanswered, func() { s.callMe(1) })
	conn, err = socket.Open(ctx, s.self.Port, f.Addr)
	if called = !soon.Stop(); called {
		s.callMe(-1)
		return conn, called, err
	}
	s.waiting.Lock()
	defer s.waiting.Unlock()
	return conn, s.calls > 0 && time.Since(began) >= unanswered/3, err
}

func (s *Searcher) callMe(change int) {
	s.waiting.Lock()
	s.calls += change
	s.waiting.Unlock()
	if change > 0 {
		select {
		case s.urgent <- struct{}{}:
		default: // one is on its way
		}
	}
}
