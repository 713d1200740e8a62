package streams

import (
	"context"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
)

// The pauses between two tries to open streams that could not be opened: what
// forbids them, as a firewall does, most often forbids them for good.
const (
	firstOpenPause   = time.Second
	longestOpenPause = time.Minute
)

// Most is how many streams a choice of --streams allows; 0 is auto.
func Most(choice int) int {
	most := flow.MayOpen(framing.MaxStreams, 8)
	if choice == 0 {
		return most
	}
	return min(choice, most)
}

// Each calls f for the link's streams from first on: those that are there,
// and each that comes until over is closed.
func Each(ctx context.Context, l transfer.Streams, first int, over <-chan struct{}, f func(i int) error) error {
	for {
		n, more := l.Growth()
		for ; first < n; first++ {
			if err := f(first); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Opener opens streams, at the side that dialled. A delivery goes on with those
// that there are. One that breaks just after its proof is a loss of the link, which
// is joined again.
type Opener struct {
	link transfer.Streams
	want chan int // capacity 1: how many streams there should be
}

// NewOpener returns an opener of streams of l, which Run has to run.
func NewOpener(l transfer.Streams) *Opener { return &Opener{link: l, want: make(chan int, 1)} }

// Ask has the opener bring the link to so many streams; the last word counts. One
// goroutine at a time calls it.
func (o *Opener) Ask(streams int) {
	select {
	case <-o.want:
	default:
	}
	o.want <- streams
}

// Run opens what is asked for until over is closed. A stream that could not be
// opened may be there at the other side, which sends on it then: so it is tried
// again for as long as the delivery lasts.
func (o *Opener) Run(parent context.Context, over <-chan struct{}) error {
	ctx, stop := context.WithCancel(parent)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-over:
			stop() // and with it a Grow under way
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer stop()
	var streams int
	pause := firstOpenPause
	retry := time.NewTimer(pause)
	defer retry.Stop()
	for {
		select {
		case streams = <-o.want:
			pause = firstOpenPause
		case <-retry.C:
		case <-ctx.Done():
			return context.Cause(parent)
		}
		if o.link.NumStreams() < streams && o.link.Grow(ctx, streams) != nil {
			retry.Reset(pause)
			pause = min(2*pause, longestOpenPause)
		}
	}
}
