package reach

import (
	"context"
	"sync"
	"time"
)

// mostPunches is how many PUNCH are answered at a time. Further ones say nothing: the
// dialler asks again.
const mostPunches = 8

// punches has the listener call whenever the dialler asks for it, until ctx ends. What
// comes up is the dialler's to prove.
func (c *Climb) punches(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, mostPunches)
	for {
		select {
		case <-ctx.Done():
			return
		case after := <-c.on().Punches():
			select {
			case places <- struct{}{}:
				wg.Go(func() {
					defer func() { <-places }()
					c.answer(ctx, after)
					c.conclude()
				})
			default:
			}
		}
	}
}

// answer calls all addresses of the dialler at once.
func (c *Climb) answer(ctx context.Context, after time.Duration) {
	if c.port == 0 || c.opts.Inlet == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, after+roundLimit)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, to := range c.targets() {
		wg.Go(func() {
			if conn, err := c.openTo(ctx, c.port, to, after); err == nil {
				_ = c.opts.Inlet.Put(conn, "") // which closes it otherwise
			}
		})
	}
}
