package transfer

import (
	"net"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"ferry/framing"
	"ferry/transfer/link"
)

// Compression says which content a sender compresses, if the link has the
// capability framing.CapZstd.
type Compression uint8

// The values of --compress.
const (
	CompressAuto   Compression = iota // what shrinks, while that makes the delivery faster
	CompressNever                     //
	CompressAlways                    // what shrinks, whatever it costs
)

// Capabilities is what link.Config of either side offers for this choice.
func (c Compression) Capabilities() uint64 {
	if c == CompressNever {
		return 0
	}
	return framing.CapZstd
}

// compressor shrinks chunks and packs for a sender, as its policy says. The
// workers share it. A nil one leaves everything as it is.
type compressor struct {
	enc     *zstd.Encoder
	scratch sync.Pool // of *[]byte, scratchBytes each: one a worker

	mu     sync.Mutex
	policy policy
}

// newCompressor returns nil if nothing is to be compressed on this link. local
// says that it is fast if it leads to this machine: nothing else limits the rate.
func newCompressor(l *link.Link, choice Compression, local bool) (*compressor, error) {
	addr, caps, _ := l.Peer()
	if choice == CompressNever || caps&framing.CapZstd == 0 {
		return nil, nil
	}
	enc, err := newEncoder()
	if err != nil {
		return nil, err
	}
	c := &compressor{enc: enc, policy: newPolicy(choice == CompressAlways, local && isLoopback(addr), 1)}
	c.scratch.New = func() any {
		b := make([]byte, 0, scratchBytes)
		return &b
	}
	return c, nil
}

// isLoopback tells whether an address is one of this machine's own, over which
// bytes go as fast as they are copied.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && net.ParseIP(host).IsLoopback()
}

// widen tells the policy how many streams are written to at once.
func (c *compressor) widen(streams int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policy.lines = float64(streams)
}

// next tells whether the next chunk or pack should be given to shrink, and the
// epoch of that decision.
func (c *compressor) next() (try bool, epoch uint32) {
	if c == nil {
		return false, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policy.next(), c.policy.epoch
}

// shrink returns plain as a zstd frame in a buffer of the pool, or nil if it is
// to be sent as it is, and the epoch of that decision.
func (c *compressor) shrink(pool *chunkPool, plain []byte) (frame *[]byte, epoch uint32) {
	room, _ := c.scratch.Get().(*[]byte)
	defer c.scratch.Put(room)
	for n := min(len(plain), sampleBytes); ; n = len(plain) {
		began := time.Now()
		out := c.enc.EncodeAll(plain[:n], (*room)[:0])
		took := time.Since(began)
		c.mu.Lock()
		on := c.policy.sampled(n, len(out), took)
		epoch = c.policy.epoch
		c.mu.Unlock()
		if !on {
			return nil, epoch
		}
		if n == len(plain) {
			frame = pool.get(len(out))
			copy(*frame, out)
			return frame, epoch
		}
	}
}

// sent tells the policy how the sending of a chunk or pack went.
func (c *compressor) sent(epoch uint32, s stretch) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policy.sent(epoch, s)
}

// timer says where the time of a writer goes.
type timer struct {
	last time.Time // when it ended with the last job; zero before the first
	idle time.Duration
	from time.Time
}

// start ends a wait for something to send.
func (t *timer) start() {
	t.from = time.Now()
	t.idle = 0
	if !t.last.IsZero() {
		t.idle = t.from.Sub(t.last)
	}
}

// stop ends the sending of it.
func (t *timer) stop(content, wire int64) stretch {
	t.last = time.Now()
	return stretch{content: content, wire: wire, busy: t.last.Sub(t.from), idle: t.idle}
}
