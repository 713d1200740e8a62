package send

import (
	"context"
	"errors"
	"io"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/streams"
	"ferry/transfer/link"
)

// agreedStreams is how many streams both sides allow, and whether one of them
// gave that number.
func (s *sender) agreedStreams() (most int, fixed bool) {
	if s.accept.Ordered || s.opt.DryRun {
		return 1, true
	}
	most, fixed = streams.Most(s.opt.Streams), s.opt.Streams > 0
	if theirs := int(s.accept.Streams); theirs <= link.MaxStreams {
		most, fixed = min(most, theirs), true
	}
	return most, fixed
}

// openEarly has the second stream of a long path opened while the other side thinks
// about the offer, and returns how many there will be then. Asking for it with the
// first data would have it come up to speed three round trips later.
func (s *sender) openEarly(content int64) int {
	look := streams.Look{Left: content}
	if s.opt.Streams > 0 || s.opt.DryRun || !look.Enough() || !s.link.Dialled() || s.link.Path(0).MinRTT < streams.LongPath {
		return 1
	}
	s.opener.Ask(streams.Wish{Streams: streams.Early, Early: true})
	return streams.Early
}

// writers starts a writer for each of the first most streams, as they come.
func (s *sender) writers(ctx context.Context, start starter, most int, over <-chan struct{}) error {
	return streams.Each(ctx, s.link, 0, over, func(i int) error {
		if i >= most {
			return nil
		}
		if i > 0 {
			s.bufs.Give(flow.StreamCredit)
			s.press.Widen(i + 1)
		}
		out := s.link.Stream(i)
		start(func(ctx context.Context) error { return s.write(ctx, out) })
		return nil
	})
}

// askStreams has the link brought to n streams, by whichever side dialled.
func (s *sender) askStreams(n int) error {
	if s.link.Dialled() {
		s.opener.Ask(streams.Wish{Streams: n})
		return nil
	}
	s.link.AllowStreams(n)
	m := framing.Streams{Count: uint16(n)}
	return failure.Link("asking for streams", s.link.Stream(0).Send(true, framing.TypeStreams, m.Append(nil)))
}

// readMore reads a stream on which nothing may come, so that its loss is seen.
func (s *sender) readMore(stream int) error {
	t, _, err := s.link.Stream(stream).Next()
	switch {
	case err == nil:
		return failure.Violation("%v on stream %d", t, stream)
	case s.link.Err() != nil, errors.Is(err, io.EOF):
		return nil
	}
	return failure.Link("sending", err)
}

// widen sees to it that there are as many streams as the path needs, until over is
// closed. first may have been asked for early; what of them is not there yet is asked
// for again, and tried for as long as the delivery lasts.
func (s *sender) widen(ctx context.Context, first, most int, fixed bool, over <-chan struct{}) error {
	if fixed {
		first = most
	}
	if first > 1 {
		if err := s.askStreams(first); err != nil {
			return err
		}
	}
	b := streams.NewBreadth(first, most)
	tick := time.NewTicker(streams.Tick)
	defer tick.Stop()
	for began := time.Now(); ; {
		look := streams.Look{At: time.Since(began), Left: s.track.Left(), Sending: int(s.sending.Load())}
		for i := range s.link.NumStreams() {
			look.Paths = append(look.Paths, s.link.Path(i))
		}
		c := b.Next(look)
		if c.Resist {
			b.Resisted(s.link.ResistLoss())
		}
		if c.Deepen && !s.link.Deepen() {
			c = b.Shallow(look)
		}
		if c.Streams > 0 {
			if err := s.askStreams(c.Streams); err != nil {
				return err
			}
		}
		if b.Done {
			return nil
		}
		select {
		case <-tick.C:
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
