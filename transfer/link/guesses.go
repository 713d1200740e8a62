package link

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ferry/framing"
)

const (
	// answerPace is the time from one wrong answer to the next that is looked at.
	answerPace = time.Second
	// turnLease is for how long an exchange may keep all others waiting.
	turnLease = 500 * time.Millisecond
	// maxTurns exchanges wait for a turn, with some 40 KiB each.
	maxTurns = 256
)

// ErrBurnt says that a code was guessed at too often, and is worth nothing now.
var ErrBurnt = errors.New("the code is burnt")

// allowance is what a code bears.
type allowance struct {
	total int           // wrong answers that burn it; 0: any number
	pace  time.Duration // between two wrong answers
}

// guesses is the budget of wrong answers to one code. It says which sources are
// refused, whose exchange goes on next, and when the code is burnt.
//
// A code with a pace takes one exchange at a time from HELLO to the answer; all
// others wait in the room, the newest of each source. They wait before this side has
// answered their HELLO, since a dialler that has confirmed already takes what breaks
// off for a guess. A source that was never wrong goes first, and of equals the newest:
// a crowd that waits is soon older than an honest peer that comes. An exchange that takes longer
// than turnLease holds up nobody any more, and goes on all the same. After a wrong
// answer no answer is looked at, and no exchange begins, before a pace is over.
//
// begin gives an exchange its turn, answered says that its answer is there, settle
// looks at that, and end, which must follow begin whatever came between, gives the
// turn back. A source that does not answer, and has others wait or takes all of
// turnLease, is taken for one that was wrong, but not for a guess. Else a stranger could
// keep the turn for just less than turnLease, again and again, and never be blamed.
//
// Its lock may be taken while Listener.mu is held, and never the other way round.
// slots.mu and this one are never held together. It starts no goroutine.
type guesses struct {
	allowed allowance

	mu      sync.Mutex // guards what follows
	wrong   int        // wrong answers
	told    int        // those of them that were refused by now
	blamed  penalties
	from    int       // sources of wrong answers
	room    []*turn   // those who wait, by age
	held    *turn     // has its turn, and no answer yet
	judging bool      // an answer is being looked at
	next    time.Time // no turn before
	timer   *time.Timer
	closed  bool
}

// turn is an exchange of a paced code. What is not its own belongs to guesses.mu.
type turn struct {
	from   source
	born   time.Time     // its connection was accepted
	asked  bool          // our HELLO is out, and an answer due; the exchange's own
	over   bool          // it was given back
	proved bool          // its answer is there
	since  time.Time     // it has its turn; zero before
	ready  chan struct{} // closed when it leaves the room
	err    *Error        // why it has no turn. Set before ready is closed
}

// wrongGuess is a confirmation of the code that was wrong.
type wrongGuess struct{ count, total int }

func (g *wrongGuess) Error() string {
	if g.total == 0 {
		return fmt.Sprintf("wrong confirmation, the %d. of this code", g.count)
	}
	return fmt.Sprintf("wrong confirmation, %d of the %d that burn the code", g.count, g.total)
}

func newGuesses(code Code) *guesses {
	return &guesses{allowed: code.allowance(), blamed: newPenalties()}
}

// paced tells whether exchanges wait for a turn.
func (g *guesses) paced() bool { return g.allowed.pace > 0 }

// refusal returns why no answer of the source is taken now, nil if one is: the code
// is burnt, or the source is refused for a while. It needs g.mu.
func (g *guesses) refusal(from source) *Error {
	if g.spent() {
		return &Error{Code: framing.CodeCodeRefused, Op: "handshake", Err: ErrBurnt}
	}
	if r := g.blamed.record(from); r != nil && time.Since(r.last) < penalty(r.wrong) {
		return &Error{Code: framing.CodeBusy, Op: "handshake", Err: errPenalty}
	}
	return nil
}

// errCrowdedOut: others have the better claim to a turn.
func errCrowdedOut() *Error {
	return &Error{Code: framing.CodeBusy, Op: "handshake", Err: errCrowded}
}

// begin waits for the turn of an exchange whose connection was accepted at born, at
// the longest until then. It returns why there is none.
func (g *guesses) begin(from source, born, until time.Time) (*turn, *Error) {
	g.mu.Lock()
	t := &turn{from: from, born: born}
	if err := g.refusal(from); err != nil || !g.paced() {
		g.mu.Unlock()
		return t, err
	}
	// The other end of an older one may be long gone.
	if i := slices.IndexFunc(g.room, func(t *turn) bool { return t.from == from && !t.proved }); i >= 0 {
		g.leave(i, errCrowdedOut())
	}
	g.enter(t)
	if len(g.room) > maxTurns {
		g.leave(g.last(), errCrowdedOut())
	}
	g.mu.Unlock()
	return t, g.await(t, until)
}

// answered waits until the answer of an exchange may be looked at, at the longest
// until then. It returns why it may not; settle has to follow if it may.
func (g *guesses) answered(t *turn, until time.Time) *Error {
	if !g.paced() {
		return nil
	}
	g.mu.Lock()
	t.proved = true
	g.enter(t)
	g.mu.Unlock()
	return g.await(t, until)
}

// enter needs g.mu.
func (g *guesses) enter(t *turn) {
	t.ready = make(chan struct{})
	i := len(g.room) // handshakes do not end in the order in which they began
	for i > 0 && g.room[i-1].born.After(t.born) {
		i--
	}
	g.room = slices.Insert(g.room, i, t)
	if g.closed {
		g.leave(i, errCrowdedOut())
	}
	g.share()
}

// await waits until t leaves the room.
func (g *guesses) await(t *turn, until time.Time) *Error {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	select {
	case <-t.ready:
	case <-late.C:
		g.mu.Lock()
		if i := slices.Index(g.room, t); i >= 0 {
			g.leave(i, errCrowdedOut())
		}
		g.mu.Unlock()
	}
	return t.err
}

// share has who is next leave the room, if it is time for that: an answer that is
// there before an exchange that begins. It needs g.mu.
func (g *guesses) share() {
	if len(g.room) == 0 || g.judging || g.closed {
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
func (g *guesses) comeBack(in time.Duration) {
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = time.AfterFunc(in, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.share()
	})
}

// first is who is next. It needs g.mu, and somebody in the room.
func (g *guesses) first() int {
	claim := func(t *turn) (n int) {
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

// last is who is the furthest from its turn. It needs g.mu, and somebody in the room.
func (g *guesses) last() int {
	i := slices.IndexFunc(g.room, func(t *turn) bool { return !t.proved && g.blamed.record(t.from) != nil })
	if i < 0 {
		i = slices.IndexFunc(g.room, func(t *turn) bool { return !t.proved })
	}
	return max(0, i)
}

// leave takes an exchange out of the room. It needs g.mu.
func (g *guesses) leave(i int, err *Error) {
	t := g.room[i]
	g.room = slices.Delete(g.room, i, i+1)
	t.err = err
	close(t.ready)
}

// end gives a turn back.
func (g *guesses) end(t *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	silent := !t.over && t.asked && !t.proved && g.paced() && !g.closed
	if silent && (len(g.room) > 0 || time.Since(t.since) >= turnLease) {
		g.blamed.blame(t.from)
	}
	g.giveBack(t)
}

// giveBack needs g.mu.
func (g *guesses) giveBack(t *turn) {
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

// settle says whether the answer of an exchange was right, and gives its turn back.
// It returns nil for one that is right and may be believed; all others are refused
// with the error. A source that may not answer now learns nothing.
func (g *guesses) settle(t *turn, right bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.giveBack(t)
	if err := g.refusal(t.from); err != nil {
		return err
	}
	if right {
		return nil
	}
	g.wrong++
	g.next = time.Now().Add(g.allowed.pace)
	r := g.blamed.blame(t.from)
	if !r.guessed {
		r.guessed = true
		g.from++
	}
	if g.spent() {
		for len(g.room) > 0 {
			g.leave(0, g.refusal(source{}))
		}
	}
	return &Error{Code: framing.CodeCodeRefused, Op: "handshake", Err: &wrongGuess{count: g.wrong, total: g.allowed.total}}
}

// spent needs g.mu.
func (g *guesses) spent() bool { return g.allowed.total > 0 && g.wrong >= g.allowed.total }

// toldWrong counts a guesser that was told so. The listener gives up only when all
// of them were: closing before would cut off the answer.
func (g *guesses) toldWrong() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told++
}

// over returns the end of the code, nil as long as it holds.
func (g *guesses) over() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.spent() || g.told < g.wrong {
		return nil
	}
	where := "one address"
	if g.from > 1 {
		where = fmt.Sprintf("%d addresses", g.from)
	}
	return fmt.Errorf("%w: %d wrong answers from %s", ErrBurnt, g.wrong, where)
}

// shed has half of those who wait leave, to give back file descriptors: the last in
// turn.
func (g *guesses) shed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range (len(g.room) + 1) / 2 {
		g.leave(g.last(), errCrowdedOut())
	}
}

// close has everybody leave.
func (g *guesses) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.timer != nil {
		g.timer.Stop()
	}
	for len(g.room) > 0 {
		g.leave(0, errCrowdedOut())
	}
}
