package admission

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"ferry/framing"
)

// ErrBurnt says that a code was guessed at too often, and is worth nothing now.
var ErrBurnt = errors.New("the code is burnt")

var (
	errPenalty = errors.New("the same address gave a wrong answer: it is refused for a while")
	// errCrowded: others were before it, or had the better claim to a place.
	errCrowded = errors.New("no place for the handshake")
)

// Wrong is an answer that was wrong: the Count-th one, of the Total that burn the code.
// Total is 0 if any number may be wrong.
type Wrong struct{ Count, Total int }

func (w *Wrong) Error() string {
	if w.Total == 0 {
		return fmt.Sprintf("wrong confirmation, the %d. of this code", w.Count)
	}
	return fmt.Sprintf("wrong confirmation, %d of the %d that burn the code", w.Count, w.Total)
}

// Guesses is the budget of wrong answers to one code. It says which sources are refused,
// whose exchange goes on next, and when the code is burnt.
//
// A code with a pace takes one exchange at a time from HELLO to the answer; turns.go says
// which. An exchange calls, one after another:
//
//  1. Begin, which waits for its turn. Then the listener answers HELLO.
//  2. Asked: an answer is due.
//  3. Answered: its answer is there. It waits until the answer may be looked at.
//  4. Settle, which looks at the answer.
//  5. End, whatever came between.
//
// A source that does not answer, and has others wait for more than a brief time in all or
// takes all of turnLease, is taken for one that was wrong, but not for a guess. Else a
// stranger could keep the turn for just less than turnLease, again and again, and never be
// blamed.
//
// A side that dials as well has the same budget for that: see calls.go.
//
// Any goroutine may call it. A caller may hold a lock of its own.
type Guesses struct {
	allowed Allowance

	mu     sync.Mutex // guards what follows
	wrong  int        // wrong answers, and calls that were guesses
	told   int        // those of them that were refused by now
	from   int        // sources of wrong answers
	called int        // of wrong, the calls
	calls  int        // under way, each of which may be a guess
	blamed penalties
	idle   map[Source]time.Duration // see idled

	// The room of exchanges that wait: see turns.go.
	room    []*Turn   // by age
	held    *Turn     // has its turn, and no answer yet
	judging bool      // an answer is being looked at
	next    time.Time // no turn before
	timer   *time.Timer
	closed  bool
}

// NewGuesses returns the whole budget of a code.
func NewGuesses(a Allowance) *Guesses {
	return &Guesses{allowed: a, blamed: newPenalties(), idle: make(map[Source]time.Duration)}
}

// Paced tells whether exchanges wait for a turn.
func (g *Guesses) Paced() bool { return g.allowed.pace > 0 }

// Settle says whether the answer of an exchange was right, and gives its turn back. It
// returns nil for one that is right and may be believed; all others are refused with the
// error. That of a wrong one wraps a *Wrong. A source that may not answer now learns
// nothing.
func (g *Guesses) Settle(t *Turn, right bool) *Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.giveBack(t)
	if r := g.refusal(t.from); r != nil {
		return r
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
		g.empty(&Refusal{framing.CodeCodeRefused, ErrBurnt})
	}
	return &Refusal{framing.CodeCodeRefused, &Wrong{Count: g.wrong, Total: g.allowed.Total}}
}

// ToldWrong counts a guesser that was told so. The listener gives up only when all of
// them were: closing before would cut off the answer.
func (g *Guesses) ToldWrong() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told++
}

// Over returns the end of the code, which wraps ErrBurnt, and nil as long as it holds.
func (g *Guesses) Over() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.spent() || g.told < g.wrong {
		return nil
	}
	return g.burnt()
}

// burnt says who has used the code up. It needs g.mu.
func (g *Guesses) burnt() error {
	where := "one address"
	if g.from > 1 {
		where = fmt.Sprintf("%d addresses", g.from)
	}
	switch answers := g.wrong - g.called; {
	case answers == 0:
		return fmt.Errorf("%w: %d that this side called did not prove it", ErrBurnt, g.called)
	case g.called > 0:
		return fmt.Errorf("%w: %d wrong answers from %s, and %d that this side called did not prove it", ErrBurnt, answers, where, g.called)
	}
	return fmt.Errorf("%w: %d wrong answers from %s", ErrBurnt, g.wrong, where)
}

// Shed has half of the exchanges that wait leave, to give back file descriptors: those
// that are the furthest from their turn.
func (g *Guesses) Shed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range (len(g.room) + 1) / 2 {
		g.leave(g.last(), crowdedOut())
	}
}

// Close has all exchanges leave that wait.
func (g *Guesses) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.timer != nil {
		g.timer.Stop()
	}
	g.empty(crowdedOut())
}

// spent needs g.mu.
func (g *Guesses) spent() bool { return g.allowed.Total > 0 && g.wrong >= g.allowed.Total }

// refusal returns why no answer of the source is taken now, nil if one is: the code is
// burnt, or the source is refused for a while. It needs g.mu.
func (g *Guesses) refusal(from Source) *Refusal {
	if g.spent() {
		return &Refusal{framing.CodeCodeRefused, ErrBurnt}
	}
	if r := g.blamed.record(from); r != nil && time.Since(r.last) < penalty(r.wrong) {
		return &Refusal{framing.CodeBusy, errPenalty}
	}
	return nil
}

// crowdedOut: others have the better claim to a turn.
func crowdedOut() *Refusal { return &Refusal{framing.CodeBusy, errCrowded} }
