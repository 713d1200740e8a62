package admission

import (
	"context"
	"time"

	"ferry/framing"
)

// A side that dials confirms the code first, so each of its calls may be a guess of
// whoever answers. Calls use the budget of the answers:
//
//  1. Rest, before a connection is made: what answered wrongly is paced both ways.
//  2. Call, when somebody has answered and before anything of the code is sent.
//  3. Called says what became of it.
//
// A call is counted as a guess only then, since most are none. Until then it may be the
// last one: answers that would be beyond it wait for its end.

// Rest waits until the pace after the last guess is over, or ctx.
func (g *Guesses) Rest(ctx context.Context) error {
	g.mu.Lock()
	left := time.Until(g.next)
	g.mu.Unlock()
	if left <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Call begins a call. It returns why the code may not be shown to anybody any more: the
// error wraps ErrBurnt. Called has to follow if there is none.
func (g *Guesses) Call() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.spent():
		return g.burnt()
	case g.full():
		return errCrowded // what is under way may use up the rest
	}
	g.calls++
	return nil
}

// Called ends a call. guess tells that this side had confirmed, and whoever answered did
// not.
func (g *Guesses) Called(guess bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls--
	if guess {
		g.wrong++
		g.told++ // nobody waits for that
		g.called++
		g.next = time.Now().Add(g.allowed.pace)
		if g.spent() {
			g.empty(&Refusal{framing.CodeCodeRefused, ErrBurnt})
		}
	}
	g.share()
}

// Burnt returns the end of the code for a side that calls, nil as long as it holds.
func (g *Guesses) Burnt() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.spent() {
		return nil
	}
	return g.burnt()
}

// full tells that what is under way may use up all that the code bears. It needs g.mu.
func (g *Guesses) full() bool {
	n := g.wrong + g.calls
	if g.judging {
		n++
	}
	return g.allowed.Total > 0 && n >= g.allowed.Total
}
