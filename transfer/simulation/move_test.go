package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ferry/transfer/link"
)

// simMoves is when the dialler moves its link to a new connection: pauses, one after
// another, from when there is a link. They are drawn apart from the rest of a plan, so that
// a seed stands for the same faults with and without them.
type simMoves struct {
	pauses []time.Duration
	tried  atomic.Int64
	made   atomic.Int64
}

func newMoves(seed uint64) *simMoves {
	rng := rand.New(rand.NewPCG(seed, 9))
	m := &simMoves{}
	if rng.IntN(2) == 0 {
		return m
	}
	longest := []int{50, 500, 3000}[rng.IntN(3)]
	for range 1 + rng.IntN(6) {
		m.pauses = append(m.pauses, time.Duration(rng.IntN(longest))*time.Millisecond)
	}
	return m
}

func (m *simMoves) String() string {
	if len(m.pauses) == 0 {
		return "no moves"
	}
	return fmt.Sprintf("moves after %s (%d made)", strings.Trim(fmt.Sprint(m.pauses), "[]"), m.made.Load())
}

// mover moves the link of a process that dialled, until stop is called. A move may fail, as
// where the other side is gone: then the link has to be as it was.
func (w *simWorld) mover(p *simProcess, l *link.Link) (stop func()) {
	if !l.Dialled() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(p.ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, pause := range w.plan.moves.pauses {
			select {
			case <-time.After(pause):
			case <-l.Done():
				return
			case <-ctx.Done():
				return
			}
			conn, err := w.net.dial(ctx, &p.owner)
			if err != nil {
				continue
			}
			w.plan.moves.tried.Add(1)
			if l.Move(ctx, conn) == nil {
				w.plan.moves.made.Add(1)
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}
