package receive

import (
	"context"
	"errors"
	"io"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/streams"
)

// anyStreams in ACCEPT leaves the number of streams to the sender.
const anyStreams = 1<<16 - 1

// allowStreams lets the sender have streams, and returns what ACCEPT says of it.
func (r *receiver) allowStreams() uint16 {
	n := r.mostStreams()
	r.link.AllowStreams(n)
	r.streams.Store(int32(n))
	if r.opt.Streams == 0 && r.opt.Output == nil {
		return anyStreams
	}
	return uint16(n)
}

// mostStreams is how many streams this side allows.
func (r *receiver) mostStreams() int {
	if r.opt.Output != nil {
		return 1 // in order
	}
	return streams.Most(r.opt.Streams)
}

// onStreams takes STREAMS: a sender that listens asks for streams to be opened.
func (r *receiver) onStreams(body []byte) error {
	m, err := framing.ParseStreams(body)
	if err != nil {
		return failure.Malformed(err)
	}
	if most := int(r.streams.Load()); !r.link.Dialled() || int(m.Count) > most || int(m.Count) <= r.opened {
		return failure.Violation("STREAMS for %d, after %d and of at most %d", m.Count, r.opened, most)
	}
	r.opened = int(m.Count)
	r.opener.Ask(streams.Wish{Streams: r.opened})
	return nil
}

// widen grants credit for each further stream, on which a chunk may be under way.
func (r *receiver) widen(ctx context.Context) error {
	return streams.Each(ctx, r.link, 1, r.heard, func(int) error {
		return r.grantMore()
	})
}

// readMore reads a stream beyond stream 0, which tells how the delivery ends: so
// that only a broken rule is an error here.
func (r *receiver) readMore(ctx context.Context, stream int) error {
	err := r.read(ctx, stream)
	if r.link.Err() != nil || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
