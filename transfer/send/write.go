package send

import (
	"context"
	"errors"

	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/parcel"
)

// writer sends jobs on one stream, each when it is filled and in the order of feed. One
// goroutine a stream runs it. What is small may wait in the outlet while more is at hand.
type writer struct {
	belt     *belt
	out      parcel.Outlet
	attempts *attempts
	press    *compress.Compressor // nil: nothing is compressed
	clock    compress.Timer
}

// run ends when no jobs come any more.
func (w *writer) run(ctx context.Context) error {
	for {
		j, err := w.next(ctx)
		if j == nil || err != nil {
			return err
		}
		w.clock.Start()
		s, err := j.send(ctx, w)
		switch {
		case errors.Is(err, errSettled):
		case err != nil:
			return err
		case s.told:
			w.press.Sent(s.epoch, w.clock.Stop(s.content, s.wire))
		}
	}
}

// next waits for the next job, and until it is filled; nil is the end. What is in the
// outlet leaves meanwhile.
func (w *writer) next(ctx context.Context) (job, error) {
	var j job
	var ok bool
	select {
	case j, ok = <-w.belt.order:
	default:
		if err := w.out.Flush(); err != nil {
			return nil, err
		}
		select {
		case j, ok = <-w.belt.order:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if !ok {
		return nil, w.out.Flush()
	}
	select {
	case <-j.filled():
		return j, nil
	default:
	}
	if err := w.out.Flush(); err != nil {
		return nil, err
	}
	select {
	case <-j.filled():
		return j, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
