package flow

import (
	"context"
	"errors"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer"
)

// largeFrame is the body of a frame where nothing limits it, in bytes.
const largeFrame = 208 << 10

// passed is when bytes went by, in virtual time.
type passed struct {
	mu    sync.Mutex
	at    []time.Time
	total []int // up to and with each of at
}

func (p *passed) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.total = append(p.at, time.Now()), append(p.total, p.last()+n)
}

func (p *passed) last() int {
	if len(p.total) == 0 {
		return 0
	}
	return p.total[len(p.total)-1]
}

// until returns the bytes that passed up to and at a time.
func (p *passed) until(t time.Time) int {
	i := sort.Search(len(p.at), func(i int) bool { return p.at[i].After(t) })
	if i == 0 {
		return 0
	}
	return p.total[i-1]
}

// send takes bytes under the limit as a writer does, until ctx ends.
func (p *passed) send(ctx context.Context, l *Pacer, most int) {
	for {
		n := l.Frame(most)
		if l.Take(ctx, n) != nil {
			return
		}
		p.add(n)
	}
}

// checkRate looks at each window of 5 s that begins with a frame between from and
// to.
func (p *passed) checkRate(t *testing.T, rate int, from, to time.Time) {
	t.Helper()
	for _, at := range append([]time.Time{from}, p.at...) {
		if at.Before(from) || at.Add(5*time.Second).After(to) {
			continue
		}
		got, want := float64(p.until(at.Add(5*time.Second))-p.until(at)), 5*float64(rate)
		if got < 0.95*want || got > 1.05*want {
			t.Errorf("%.0f bytes in the 5 s after %v, want %.0f", got, at.Sub(from), want)
			return
		}
	}
}

func TestPacerHoldsInEveryWindow(t *testing.T) {
	for _, rate := range []int{transfer.MinRate, 100e3, 1 << 20, 6_250_000, 50e6} {
		for _, streams := range []int{1, 4} {
			synctest.Test(t, func(t *testing.T) {
				l := NewPacer(int64(rate))
				time.Sleep(time.Minute) // what was not used by then is lost
				begin := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				var p passed
				var writers sync.WaitGroup
				for range streams {
					writers.Go(func() { p.send(ctx, l, largeFrame) })
				}
				writers.Wait()
				p.checkRate(t, rate, begin, begin.Add(20*time.Second))
				// Neither does it begin with a burst, nor with a pause.
				if f := float64(p.until(begin.Add(time.Second))) / float64(rate); f < 0.7 || f > 1.03 {
					t.Errorf("%d bytes/s, %d streams: %.2f of the rate in the first second", rate, streams, f)
				}
			})
		}
	}
}

func TestPacerChangesWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewPacer(transfer.MinRate)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var p passed
		var writer sync.WaitGroup
		writer.Go(func() { p.send(ctx, l, largeFrame) })
		set := func(after time.Duration, rate int64) {
			time.Sleep(time.Until(begin.Add(after)))
			l.Set(rate)
		}
		set(20*time.Second, 1<<20)
		set(40*time.Second, 256<<10)
		writer.Wait()
		p.checkRate(t, transfer.MinRate, begin, begin.Add(20*time.Second))
		p.checkRate(t, 1<<20, begin.Add(20*time.Second), begin.Add(40*time.Second))
		p.checkRate(t, 256<<10, begin.Add(40*time.Second+200*time.Millisecond), begin.Add(60*time.Second))
	})
}

// One large frame under a low limit is let go when the limit is raised or lifted.
func TestPacerRaisedEndsAWait(t *testing.T) {
	for _, rate := range []int64{0, 1 << 30} {
		synctest.Test(t, func(t *testing.T) {
			l := NewPacer(transfer.MinRate)
			begin := time.Now()
			var waiting sync.WaitGroup
			waiting.Go(func() {
				if err := l.Take(t.Context(), 100*transfer.MinRate); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Second)
			l.Set(rate)
			waiting.Wait()
			if took := time.Since(begin); took > 1100*time.Millisecond {
				t.Errorf("to %d: it took %v", rate, took)
			}
		})
	}
}

func TestPacerKeepsNothingOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 1 << 20
		l := NewPacer(rate)
		for range 3 {
			time.Sleep(30 * time.Second)
			begin := time.Now()
			if err := l.Take(t.Context(), rate); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took < 970*time.Millisecond {
				t.Errorf("a second's bytes passed in %v", took)
			}
		}
	})
}

func TestPacerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewPacer(transfer.MinRate)
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		var waiting sync.WaitGroup
		for range 3 { // one for bytes, the others for their turn
			waiting.Go(func() {
				if err := l.Take(ctx, 1<<30); !errors.Is(err, cause) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		cancel(cause)
		waiting.Wait()
	})
}

func TestNoLimitLimitsNothing(t *testing.T) {
	none := NewPacer(0)
	if none.Rate() != 0 || none.Frame(77) != 77 || none.Take(t.Context(), 1<<30) != nil {
		t.Error("no limit limits")
	}
}
