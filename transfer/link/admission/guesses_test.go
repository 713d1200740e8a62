package admission

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// wantCode checks that err is a *Refusal with that code.
func wantCode(t *testing.T, what string, err error, code framing.Code) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("%s: %v, want code %v", what, err, code)
	}
}

// answerOf is an exchange of a source with that answer. It returns what comes of it.
func answerOf(g *Guesses, from Source, right bool) error {
	t, refused := g.Begin(from, time.Now(), time.Now().Add(TurnLimit))
	if refused != nil {
		return refused
	}
	defer g.End(t)
	t.Asked()
	if refused := g.Answered(t, time.Now().Add(ProofLimit)); refused != nil {
		return refused
	}
	if refused := g.Settle(t, right); refused != nil {
		return refused
	}
	return nil
}

// A source is refused for 1 s, 2 s, 4 s … 1 min, whatever it answers then, and
// forgotten after 10 min.
func TestPenaltiesDouble(t *testing.T) {
	for _, allowed := range []Allowance{Bounded(64), {}} {
		synctest.Test(t, func(t *testing.T) {
			g := NewGuesses(allowed)
			from := Source{named: "x"}
			refusedFor := func() time.Duration {
				start := time.Now()
				for {
					err := answerOf(g, from, true)
					if err == nil {
						return time.Since(start)
					}
					wantCode(t, "a right answer of a source that is refused", err, framing.CodeBusy)
					time.Sleep(100 * time.Millisecond)
				}
			}
			for round, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
				wantCode(t, "a wrong answer", answerOf(g, from, false), framing.CodeCodeRefused)
				if got := refusedFor(); got != time.Duration(seconds)*time.Second {
					t.Errorf("after %d wrong answers refused for %v, want %d s", round+1, got, seconds)
				}
			}
			time.Sleep(forgiveAfter)
			wantCode(t, "a wrong answer", answerOf(g, from, false), framing.CodeCodeRefused)
			if got := refusedFor(); got != time.Second {
				t.Errorf("one that was forgotten is refused for %v", got)
			}
		})
	}
}

// Of the exchanges that wait, which goes first.
func TestWhoseTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(Bounded(64))
		named := func(s string) Source { return Source{named: s} }
		for _, s := range []string{"old", "bad"} {
			wantCode(t, s, answerOf(g, named(s), false), framing.CodeCodeRefused)
		}
		time.Sleep(2 * firstPenalty)
		var order []string
		var wg sync.WaitGroup
		enter := func(s string) {
			wg.Go(func() {
				turn, err := g.Begin(named(s), time.Now(), time.Now().Add(TurnLimit))
				if err == nil {
					err = g.Answered(turn, time.Now().Add(ProofLimit))
				}
				if err != nil {
					t.Errorf("%s: %v", s, err)
					return
				}
				order = append(order, s) // one at a time
				_ = g.Settle(turn, s == "right")
			})
			synctest.Wait()
		}
		holder, err := g.Begin(named("holder"), time.Now(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		replaced := make(chan error, 1)
		go func() { replaced <- answerOf(g, named("b"), true) }()
		synctest.Wait()
		for _, s := range []string{"a", "bad", "b", "right", "old", "c"} {
			enter(s)
		}
		wantCode(t, "an older exchange of a source that waits", <-replaced, framing.CodeBusy)
		start := time.Now()
		g.End(holder)
		wg.Wait()
		if got := strings.Join(order, " "); got != "c right b a old bad" {
			t.Errorf("the turns were %s", got)
		}
		// c at once, right a second later, b at the same time, and so on.
		if took := time.Since(start); took != 4*answerPace {
			t.Errorf("they took %v", took)
		}
		g.Close()
	})
}

// An exchange that has its turn and does not answer holds the others up for no longer than
// turnLease. Its source is taken for one that was wrong then. Its answer still counts when
// it comes in time, but no sooner than the pace has it. It burns nothing.
func TestTurnsThatAreNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(Bounded(64))
		slow, lazy := Source{named: "slow"}, Source{named: "lazy"}
		first, err := g.Begin(slow, time.Now(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		first.Asked()
		start := time.Now()
		second, err := g.Begin(lazy, time.Now(), time.Now().Add(time.Hour))
		if err != nil || time.Since(start) != turnLease {
			t.Fatalf("the next turn came after %v: %v", time.Since(start), err)
		}
		second.Asked()
		start = time.Now()
		wantCode(t, "a third", answerOf(g, Source{named: "third"}, false), framing.CodeCodeRefused)
		if took := time.Since(start); took != turnLease {
			t.Errorf("a third had its turn after %v", took)
		}
		start = time.Now()
		if err := g.Answered(first, time.Now().Add(time.Hour)); err != nil || time.Since(start) != answerPace {
			t.Errorf("a late answer was looked at after %v: %v", time.Since(start), err)
		}
		if err := g.Settle(first, true); err != nil {
			t.Errorf("a late answer: %v", err)
		}
		g.End(first)
		g.End(second)
		wantCode(t, "one that did not answer", answerOf(g, lazy, true), framing.CodeBusy)
		if g.wrong != 1 || g.from != 1 {
			t.Errorf("%d wrong answers from %d", g.wrong, g.from)
		}
		g.Close()
	})
}

// When the room is full the exchange that is the furthest from its turn leaves. An exchange
// leaves when its time is over, half of them leave when the room sheds, and all when it
// closes.
func TestTheRoomIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(Bounded(64))
		wantCode(t, "a wrong answer", answerOf(g, Source{named: "wrong"}, false), framing.CodeCodeRefused)
		g.next = time.Now().Add(time.Hour) // nobody has a turn
		left := make(map[int]*Refusal)
		var mu sync.Mutex
		enter := func(i int) {
			go func() {
				_, err := g.Begin(Source{named: fmt.Sprint(i)}, time.Now(), time.Now().Add(time.Minute))
				mu.Lock()
				defer mu.Unlock()
				left[i] = err
			}()
			synctest.Wait()
		}
		gone := func() int { mu.Lock(); defer mu.Unlock(); return len(left) }
		for i := range maxTurns + 2 {
			enter(i)
		}
		if gone() != 2 || left[0] == nil || left[1] == nil || left[0].Code != framing.CodeBusy {
			t.Errorf("out are %v", left)
		}
		g.Shed()
		synctest.Wait()
		if n := gone(); n != 2+maxTurns/2 {
			t.Errorf("after shedding %d are out", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := gone(); n != 2+maxTurns {
			t.Errorf("after their time %d are out", n)
		}
		enter(1000)
		g.Close()
		synctest.Wait()
		if left[1000] == nil {
			t.Error("the room is closed, and one waits")
		}
	})
}

// Who has gone just as the turn came has kept nobody waiting, and is not blamed. One that
// does so again and again, for a little each time, is blamed when that adds up.
func TestGoneAsTheTurnCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(Bounded(64))
		honest, crowd := Source{named: "honest"}, Source{named: "crowd"}
		turns := func(held time.Duration) bool {
			turn, err := g.Begin(honest, time.Now(), time.Now().Add(time.Hour))
			if err != nil {
				return false
			}
			turn.Asked()
			go func() { _ = answerOf(g, crowd, true) }()
			synctest.Wait()
			time.Sleep(held)
			g.End(turn)
			synctest.Wait()
			return true
		}
		for range 100 {
			if !turns(0) {
				t.Fatal("blamed for a turn of no time")
			}
		}
		if err := answerOf(g, honest, true); err != nil {
			t.Errorf("the right answer: %v", err)
		}
		n := 0
		for turns(brief/10) && n < 100 {
			n++
		}
		if n != 10 {
			t.Errorf("blamed after %d turns of %v", n, brief/10)
		}
		g.Close()
	})
}

// A source that gives its turn back without an answer is blamed if others waited for it,
// however much shorter than a lease that was, unless it was brief. Else one address that holds every turn for a little less than
// turnLease would keep all others out. A turn that nobody waited for costs nothing.
func TestTurnsGivenBackUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(Bounded(64))
		idle := Source{named: "idle"}
		for _, wait := range []bool{false, true} {
			turn, err := g.Begin(idle, time.Now(), time.Now().Add(time.Hour))
			if err != nil {
				t.Fatalf("a turn that nobody waited for is blamed: %v", err)
			}
			turn.Asked()
			if wait {
				go func() { _ = answerOf(g, Source{named: "other"}, true) }()
				synctest.Wait()
			}
			time.Sleep(turnLease - time.Millisecond)
			g.End(turn)
		}
		wantCode(t, "one that others waited for", answerOf(g, idle, true), framing.CodeBusy)
		if g.wrong != 0 {
			t.Errorf("%d wrong answers", g.wrong)
		}
		g.Close()
	})
}
