package send

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/streams"
)

// widener brings the link to as many streams as the path needs. The goroutine
// widen runs it.
type widener struct {
	link   transfer.Streams
	out    framing.Stream // stream 0
	opener *streams.Opener
	track  *progress.Tracker
	held   *atomic.Int32 // lanes whose bytes the system is to take, and does not yet
}

// agreed is how many streams both sides allow, and whether one of them gave that number.
// Choice is this side's; 0 leaves it open.
func agreed(choice int, a *framing.Accept, dry bool) (most int, fixed bool) {
	if a.Ordered || dry {
		return 1, true
	}
	most, fixed = streams.Most(choice), choice > 0
	if theirs := int(a.Streams); theirs <= framing.MaxStreams {
		most, fixed = min(most, theirs), true
	}
	return most, fixed
}

// ask has the link brought to n streams, by whichever side dialled.
func (w *widener) ask(n int) error {
	if w.link.Dialled() {
		w.opener.Ask(n)
		return nil
	}
	w.link.AllowStreams(n)
	m := framing.Streams{Count: uint16(n)}
	return failure.Link("asking for streams", w.out.Send(true, framing.TypeStreams, m.Append(nil)))
}

// run sees to it that there are as many streams as the path needs, at most most, until
// over is closed. Fixed asks for all of them at once.
func (w *widener) run(ctx context.Context, most int, fixed bool, over <-chan struct{}) error {
	first := 1
	if fixed {
		first = most
	}
	if first > 1 {
		if err := w.ask(first); err != nil {
			return err
		}
	}
	path, ok := w.link.(streams.Tuner)
	if !ok {
		return nil // nothing is known of the path
	}
	policy := streams.NewBreadth(first, most, flow.Cores())
	tick := time.NewTicker(streams.Tick)
	defer tick.Stop()
	for began := time.Now(); !policy.Done(); {
		look := streams.Look{At: time.Since(began), Left: w.track.Left(), Sending: int(w.held.Load())}
		for i := range w.link.NumStreams() {
			path.Rein(i)
			look.Paths = append(look.Paths, path.Path(i))
		}
		if n := policy.Steer(path, look); n > 0 {
			if err := w.ask(n); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// readMore reads a stream on which nothing may come, so that its loss is seen.
func readMore(l transfer.Link, stream int) error {
	t, _, err := l.Stream(stream).Next()
	switch {
	case err == nil:
		return failure.Violation("%v on stream %d", t, stream)
	case l.Err() != nil, errors.Is(err, io.EOF):
		return nil
	}
	return failure.Link("sending", err)
}
