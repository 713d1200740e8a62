package lan

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	// answersWithin is the least time for mostAnswers. answerEvery is that between two to
	// one source: a little less than the 1 s of rounds, of which each is to be answered.
	answersWithin = time.Second
	mostAnswers   = 10
	answerEvery   = 700 * time.Millisecond
	// mostSources bounds the sources that are kept.
	mostSources = 256
	// callLimit ends a call. There are mostCalls at a time, and callsEach to one source, so
	// that one that asks for many keeps no other from being called.
	callLimit = 3 * time.Second
	mostCalls = 16
	callsEach = 2
)

// Answerer answers those who search for the room, until it is closed.
//
//  1. run looks at the interfaces as they come and go.
//  2. hear takes a question, answers it within the limits, and calls if it asks for that.
type Answerer struct {
	*station
	call   func(ctx context.Context, to netip.AddrPort)
	ctx    context.Context // of the calls: they outlive hear
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended

	limits  sync.Mutex // guards what follows
	recent  []time.Time
	sources map[asked]time.Time
	calling map[netip.AddrPort]bool
	shut    bool // no more calls
	calls   sync.WaitGroup
}

// asked is a source, and a way to ask. One that reaches this machine alone is answered
// beside one that reaches all: its answer passes a firewall.
type asked struct {
	from  netip.Addr
	alone bool
}

// Answer starts to answer. It never fails: what cannot be opened is tried again. call makes
// a connection to where a question came from. It runs in a goroutine of the Answerer's and
// ends with its context. The Answerer ends with ctx, and Close waits for that.
func Answer(ctx context.Context, self Self, call func(ctx context.Context, to netip.AddrPort)) *Answerer {
	ctx, cancel := context.WithCancel(ctx)
	a := &Answerer{
		call: call, ctx: ctx, cancel: cancel, done: make(chan struct{}),
		sources: make(map[asked]time.Time), calling: make(map[netip.AddrPort]bool),
	}
	a.station = newStation(self, []int{groupPort, directPort}, a.hear)
	go a.run(ctx)
	return a
}

// Close ends the answers and the calls, and waits until nothing of them is left.
func (a *Answerer) Close() {
	a.cancel()
	<-a.done
}

func (a *Answerer) run(ctx context.Context) {
	defer close(a.done)
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		a.look(ctx)
		select {
		case <-again.C:
		case <-ctx.Done():
			a.limits.Lock()
			a.shut = true
			a.limits.Unlock()
			a.close()
			a.calls.Wait()
			return
		}
	}
}

// hear is called by the goroutines of the sockets.
func (a *Answerer) hear(p packet) {
	m, err := parse(p.raw)
	if err != nil || m.answer || m.role == a.self.Role || m.tag != tagOf(m.nonce, a.self.Room) {
		return
	}
	a.count()
	alone := p.to.IsValid() && p.by.owns(p.to)
	if a.may(asked{p.from.Addr(), alone}, time.Now()) {
		a.answer(p, m, alone)
	}
	if m.flags&flagCall != 0 && m.port != 0 {
		a.dial(netip.AddrPortFrom(p.from.Addr(), m.port))
	}
}

// may counts an answer, if the limits let it out.
func (a *Answerer) may(who asked, now time.Time) bool {
	a.limits.Lock()
	defer a.limits.Unlock()
	for len(a.recent) > 0 && now.Sub(a.recent[0]) >= answersWithin {
		a.recent = a.recent[1:]
	}
	if last, ok := a.sources[who]; ok && now.Sub(last) < answerEvery || len(a.recent) == mostAnswers {
		return false
	}
	if len(a.sources) >= mostSources {
		clear(a.sources) // the limit on all answers holds
	}
	a.sources[who], a.recent = now, append(a.recent, now)
	return true
}

// answer sends to the group, and to who asked from where the question came in.
func (a *Answerer) answer(p packet, m *message, alone bool) {
	reply := message{answer: true, nonce: m.nonce, tag: m.tag, role: a.self.Role, port: a.self.Port, instance: a.self.Instance}
	if a.self.Searches {
		reply.flags = flagSearches
	}
	raw, err := reply.append(nil)
	if err != nil {
		return // cannot be: all its parts are of fixed size
	}
	family := p.on.family
	// What cannot be sent is asked for again.
	if k := a.at(family, groupPort); k != nil {
		_ = a.send(k, raw, p.by, netip.Addr{}, netip.AddrPortFrom(group(family), groupPort))
	}
	var from netip.Addr
	if alone {
		from = p.to
	}
	_ = a.send(p.on, raw, p.by, from, p.from)
}

// dial calls to, unless that goes on already.
func (a *Answerer) dial(to netip.AddrPort) {
	a.limits.Lock()
	defer a.limits.Unlock()
	same := 0
	for o := range a.calling {
		if o.Addr() == to.Addr() {
			same++
		}
	}
	if a.shut || a.calling[to] || same >= callsEach || len(a.calling) >= mostCalls {
		return
	}
	a.calling[to] = true
	a.calls.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, callLimit)
		defer cancel()
		a.call(ctx, to)
		a.limits.Lock()
		defer a.limits.Unlock()
		delete(a.calling, to)
	})
}
