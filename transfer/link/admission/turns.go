package admission

import (
	"slices"
	"time"
)

// Exchanges of a code with a pace wait in a room, the newest of each source. They wait
// before this side has answered their HELLO, since a dialler that has confirmed already
// takes what breaks off for a guess.
//
// A source that was never wrong goes first, and of equals the newest: a crowd that waits
// is soon older than an honest peer that comes. An exchange that takes longer than
// turnLease holds up nobody any more, and goes on all the same. After a wrong answer no
// answer is looked at, and no exchange begins, before a pace is over.
const (
	// turnLease is for how long an exchange may keep all others waiting.
	turnLease = 500 * time.Millisecond
	// brief is for how long a source may do so in all with turns that it does not use. The
	// other end of an honest one may have gone just as its turn came, since it calls again
	// rather than wait long: who is blamed for that waits behind a whole crowd.
	brief = 100 * time.Millisecond
	// maxTurns exchanges wait for a turn, with some 40 KiB each.
	maxTurns = 256
)

// Turn is one exchange. asked belongs to the exchange itself, and all else to the lock
// of its Guesses.
type Turn struct {
	from   Source
	born   time.Time     // its connection was accepted
	asked  bool          // an answer is due
	over   bool          // it was given back
	proved bool          // its answer is there
	since  time.Time     // it has its turn; zero before
	ready  chan struct{} // closed when it leaves the room
	err    *Refusal      // why it has no turn; set before ready is closed
}

// Asked says that the other side has what it needs for its answer.
func (t *Turn) Asked() { t.asked = true }

// Begin waits for the turn of an exchange whose connection was accepted at born, at the
// longest until the time of that name. It returns why there is none. End has to follow
// if there is no error.
func (g *Guesses) Begin(from Source, born, until time.Time) (*Turn, *Refusal) {
	g.mu.Lock()
	t := &Turn{from: from, born: born}
	if err := g.refusal(from); err != nil || !g.Paced() {
		g.mu.Unlock()
		return t, err
	}
	// The other end of an older one may be long gone.
	if i := slices.IndexFunc(g.room, func(t *Turn) bool { return t.from == from && !t.proved }); i >= 0 {
		g.leave(i, crowdedOut())
	}
	g.enter(t)
	if len(g.room) > maxTurns {
		g.leave(g.last(), crowdedOut())
	}
	g.mu.Unlock()
	return t, g.await(t, until)
}

// Answered waits until the answer of an exchange may be looked at, at the longest until
// the time of that name. It returns why the answer may not be looked at; Settle has to
// follow if it may.
func (g *Guesses) Answered(t *Turn, until time.Time) *Refusal {
	if !g.Paced() {
		return nil
	}
	g.mu.Lock()
	t.proved = true
	g.enter(t)
	g.mu.Unlock()
	return g.await(t, until)
}

// End gives a turn back.
func (g *Guesses) End(t *Turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	silent := !t.over && t.asked && !t.proved && g.Paced() && !g.closed
	held := time.Since(t.since)
	if silent && (len(g.room) > 0 && g.idled(t.from, held) || held >= turnLease) {
		g.blamed.blame(t.from)
	}
	g.giveBack(t)
}

// idled adds up for how long a source has kept others waiting for nothing, and tells that it
// is more than brief. It needs g.mu.
func (g *Guesses) idled(from Source, held time.Duration) bool {
	if len(g.idle) >= maxSources {
		clear(g.idle)
	}
	g.idle[from] += held
	return g.idle[from] >= brief
}

// giveBack needs g.mu.
func (g *Guesses) giveBack(t *Turn) {
	if t.over {
		return
	}
	t.over = true
	if t.proved && t.err == nil {
		g.judging = false
	}
	if g.held == t {
		g.held = nil
	}
	g.share()
}

// enter needs g.mu.
func (g *Guesses) enter(t *Turn) {
	t.ready = make(chan struct{})
	i := len(g.room) // handshakes do not end in the order in which they began
	for i > 0 && g.room[i-1].born.After(t.born) {
		i--
	}
	g.room = slices.Insert(g.room, i, t)
	if g.closed {
		g.leave(i, crowdedOut())
	}
	g.share()
}

// await waits until t leaves the room.
func (g *Guesses) await(t *Turn, until time.Time) *Refusal {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	select {
	case <-t.ready:
	case <-late.C:
		g.mu.Lock()
		if i := slices.Index(g.room, t); i >= 0 {
			g.leave(i, crowdedOut())
		}
		g.mu.Unlock()
	}
	return t.err
}

// share lets the next exchange leave the room, if it is time for that, and no call under way
// may be the last guess. An answer that is there comes before an exchange that begins. It
// needs g.mu.
func (g *Guesses) share() {
	if len(g.room) == 0 || g.judging || g.closed || g.full() {
		return
	}
	now := time.Now()
	if g.next.After(now) {
		g.comeBack(g.next.Sub(now))
		return
	}
	i := g.first()
	switch t := g.room[i]; {
	case t.proved:
		g.judging = true
	case g.held != nil && g.held.since.Add(turnLease).After(now):
		g.comeBack(g.held.since.Add(turnLease).Sub(now))
		return
	default:
		g.held, t.since = t, now
	}
	g.leave(i, nil)
	g.share() // to come back for the next one
}

// comeBack has share run again later. It needs g.mu.
func (g *Guesses) comeBack(in time.Duration) {
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = time.AfterFunc(in, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.share()
	})
}

// first is the exchange in the room that is next. It needs g.mu, and a room that is not
// empty.
func (g *Guesses) first() int {
	claim := func(t *Turn) (n int) {
		if t.proved {
			n += 2
		}
		if g.blamed.record(t.from) == nil {
			n++
		}
		return n
	}
	best := len(g.room) - 1
	for i, t := range slices.Backward(g.room) {
		if claim(t) > claim(g.room[best]) {
			best = i
		}
	}
	return best
}

// last is the exchange in the room that is the furthest from its turn. It needs g.mu,
// and a room that is not empty.
func (g *Guesses) last() int {
	i := slices.IndexFunc(g.room, func(t *Turn) bool { return !t.proved && g.blamed.record(t.from) != nil })
	if i < 0 {
		i = slices.IndexFunc(g.room, func(t *Turn) bool { return !t.proved })
	}
	return max(0, i)
}

// leave takes an exchange out of the room. It needs g.mu.
func (g *Guesses) leave(i int, err *Refusal) {
	t := g.room[i]
	g.room = slices.Delete(g.room, i, i+1)
	t.err = err
	close(t.ready)
}

// empty has all exchanges leave the room. It needs g.mu.
func (g *Guesses) empty(err *Refusal) {
	for len(g.room) > 0 {
		g.leave(0, err)
	}
}
