package receive

import (
	"context"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/streams"
)

// anyStreams in ACCEPT leaves the number of streams to the sender.
const anyStreams = 1<<16 - 1

// breadth is how many streams the sender has.
type breadth struct {
	link   transfer.Streams
	opener *streams.Opener
	credit *window
	choice int  // of this side's user; 0 is any number
	single bool // content comes in order, so on stream 0 alone

	most   atomic.Int32 // that the sender may have; 0 before ACCEPT
	wanted int          // that it asked for; of the reader of stream 0
}

// limit is how many streams this side allows.
func (b *breadth) limit() int {
	if b.single {
		return 1
	}
	return streams.Most(b.choice)
}

// allow lets the sender have streams, and returns what ACCEPT says of it. ACCEPT leaves
// the number to the sender only where the link may have all that there can be: a process
// that may open few files allows fewer, and has to say so.
func (b *breadth) allow() uint16 {
	n := b.limit()
	b.link.AllowStreams(n)
	b.most.Store(int32(n))
	if b.choice == 0 && n == framing.MaxStreams {
		return anyStreams
	}
	return uint16(n)
}

// trip is the shortest round trip of a link, 0 if nothing is known of it.
func trip(l transfer.Streams) time.Duration {
	if path, ok := l.(streams.Tuner); ok {
		return path.Path(0).MinRTT
	}
	return 0
}

// asked takes STREAMS: a sender that listens asks for streams to be opened.
func (b *breadth) asked(body []byte) error {
	m, err := framing.ParseStreams(body)
	if err != nil {
		return failure.Malformed(err)
	}
	if most := int(b.most.Load()); !b.link.Dialled() || int(m.Count) > most || int(m.Count) <= b.wanted {
		return failure.Violation("STREAMS for %d, after %d and of at most %d", m.Count, b.wanted, most)
	}
	b.wanted = int(m.Count)
	b.opener.Ask(b.wanted)
	return nil
}

// widen grants credit for each further stream, on which a chunk may be under way, until
// over is closed.
func (b *breadth) widen(ctx context.Context, over <-chan struct{}) error {
	return streams.Each(ctx, b.link, 1, over, func(int) error { return b.credit.widen() })
}
