package transfer

import (
	"context"
	"sync"
)

// gauge counts something that may be taken only while there is enough: bytes
// of credit, entries in flight, open files.
type gauge struct {
	mu   sync.Mutex
	cond sync.Cond
	free int64
	err  error
}

// newGauge returns a gauge with free units, whose waiters give up when ctx ends.
func newGauge(ctx context.Context, free int64) *gauge {
	g := &gauge{free: free}
	g.cond.L = &g.mu
	context.AfterFunc(ctx, func() { g.end(context.Cause(ctx)) })
	return g
}

// end has all who wait, and all who come, give up with err.
func (g *gauge) end(err error) {
	g.mu.Lock()
	g.err = err
	g.mu.Unlock()
	g.cond.Broadcast()
}

func (g *gauge) take(n int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.free < n && g.err == nil {
		g.cond.Wait()
	}
	if g.err != nil {
		return g.err
	}
	g.free -= n
	return nil
}

// try takes n if that needs no waiting.
func (g *gauge) try(n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free < n || g.err != nil {
		return false
	}
	g.free -= n
	return true
}

func (g *gauge) give(n int64) {
	g.mu.Lock()
	grow(&g.free, n) // a receiver may grant more than a number holds
	g.mu.Unlock()
	g.cond.Broadcast()
}
