package flow

import (
	"context"
	"sync"
)

// Gauge counts something that may be taken only while there is enough: bytes
// of credit, entries in flight, open files.
type Gauge struct {
	mu   sync.Mutex
	cond sync.Cond
	free int64
	err  error
}

// NewGauge returns a gauge with free units, whose waiters give up when ctx ends.
func NewGauge(ctx context.Context, free int64) *Gauge {
	g := &Gauge{free: free}
	g.cond.L = &g.mu
	context.AfterFunc(ctx, func() { g.End(context.Cause(ctx)) })
	return g
}

// End ends every wait, now and later, with err.
func (g *Gauge) End(err error) {
	g.mu.Lock()
	g.err = err
	g.mu.Unlock()
	g.cond.Broadcast()
}

// Take waits until there are n units and takes them.
func (g *Gauge) Take(n int64) error {
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

// Try takes n if that needs no waiting.
func (g *Gauge) Try(n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free < n || g.err != nil {
		return false
	}
	g.free -= n
	return true
}

// Give adds n units, of which there may be less than none then.
func (g *Gauge) Give(n int64) {
	g.mu.Lock()
	Grow(&g.free, n) // a receiver may grant more than a number holds
	g.mu.Unlock()
	g.cond.Broadcast()
}
