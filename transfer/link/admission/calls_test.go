package admission

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// Calls and answers together are no more than the code bears: while a call may be the last
// guess no answer is looked at, and the other way round.
func TestCallsAndAnswersShareTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(Bounded(2))
		from := func(s string) Source { return Source{named: s} }
		wantCode(t, "the first answer", answerOf(g, from("a"), false), framing.CodeCodeRefused)
		start := time.Now()
		if err := g.Rest(t.Context()); err != nil || time.Since(start) != answerPace {
			t.Errorf("it rested for %v: %v", time.Since(start), err)
		}
		if err := g.Call(); err != nil {
			t.Fatal(err)
		}
		if err := g.Call(); !errors.Is(err, errCrowded) {
			t.Errorf("a second call beside the last: %v", err)
		}
		late := make(chan error, 1)
		go func() { late <- answerOf(g, from("b"), false) }()
		time.Sleep(2 * answerPace)
		select {
		case err := <-late:
			t.Errorf("an answer was looked at beside the last call: %v", err)
		default:
		}
		g.Called(false) // it was no guess
		wantCode(t, "the last answer", <-late, framing.CodeCodeRefused)
		if err := g.Call(); !errors.Is(err, ErrBurnt) {
			t.Errorf("a call with a burnt code: %v", err)
		}
		if err := g.Burnt(); !errors.Is(err, ErrBurnt) {
			t.Errorf("the end of the code: %v", err)
		}
		g.Close()
	})
}
