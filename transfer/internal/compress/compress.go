package compress

import (
	"net"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
)

// Compressor shrinks chunks and packs for a sender, as its policy says. The
// workers share it. A nil one leaves everything as it is.
type Compressor struct {
	enc     *zstd.Encoder
	scratch sync.Pool // of *[]byte, scratchBytes each: one a worker

	mu     sync.Mutex
	policy policy
}

// New returns nil if nothing is to be compressed on a link to addr with those capabilities.
// local says that it is fast if it leads to this machine: nothing else limits the rate.
func New(addr string, caps uint64, choice transfer.Compression, local bool) (*Compressor, error) {
	if choice == transfer.CompressNever || caps&framing.CapZstd == 0 {
		return nil, nil
	}
	enc, err := newEncoder()
	if err != nil {
		return nil, err
	}
	c := &Compressor{enc: enc, policy: newPolicy(choice == transfer.CompressAlways, local && isLoopback(addr), 1)}
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

// Widen tells the policy how many streams are written to at once.
func (c *Compressor) Widen(streams int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policy.lines = float64(streams)
}

// Next tells whether the next chunk or pack should be given to shrink, and the
// epoch of that decision.
func (c *Compressor) Next() (try bool, epoch uint32) {
	if c == nil {
		return false, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policy.next(), c.policy.epoch
}

// Shrink returns plain as a zstd frame in a buffer of the pool, or nil if it is
// to be sent as it is, and the epoch of that decision.
func (c *Compressor) Shrink(pool *flow.Pool, plain []byte) (frame *[]byte, epoch uint32) {
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
			frame = pool.Get(len(out))
			copy(*frame, out)
			return frame, epoch
		}
	}
}

// Given tells the policy of a frame that was made for another delivery, in the time that it
// took there, and returns whether to use it, with the epoch of that decision.
func (c *Compressor) Given(plain, frame int, took time.Duration) (use bool, epoch uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	use = c.policy.sampled(plain, frame, took)
	return use, c.policy.epoch
}

// Sent tells the policy how the sending of a chunk or pack went.
func (c *Compressor) Sent(epoch uint32, s stretch) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policy.sent(epoch, s)
}

// Timer says where the time of a writer goes.
type Timer struct {
	last time.Time // when it ended with the last job; zero before the first
	idle time.Duration
	from time.Time
}

// Start ends a wait for something to send.
func (t *Timer) Start() {
	t.from = time.Now()
	t.idle = 0
	if !t.last.IsZero() {
		t.idle = t.from.Sub(t.last)
	}
}

// Stop ends the sending of it.
func (t *Timer) Stop(content, wire int64) stretch {
	t.last = time.Now()
	return stretch{content: content, wire: wire, busy: t.last.Sub(t.from), idle: t.idle}
}
