package receive

import (
	"sync"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/delta"
)

const (
	// paceFactor is how many times faster an old file has to be cut and listed here than
	// content comes.
	paceFactor = 8
	// paceLook is how fast that goes at the most, in bytes a second, on one core of 2026.
	paceLook = 800e6
	// probeFast is how fast the first chunk has to come for more of them, probeMore, to measure
	// the link: one is over too soon there. On a slower link they would cost too much.
	probeFast = 50 * time.Millisecond
	probeMore = 8
	// probeLeast is how many bytes tell anything: the last chunk of a file may be short, and
	// others shrink. Then the next one is tried, up to probeSmall of them.
	probeLeast = 512 << 10
	probeSmall = 4
)

// pace tells whether it pays to look in old files for what moved. It weighs how fast old
// files are read and cut here against how fast content comes: a slow link is one that takes
// paceFactor times as long. That is measured once a delivery, by chunks that are needed in any
// case. A round trip of some ten milliseconds makes a link a slow one too. All its methods may
// be called by any goroutine; its lock is a leaf.
type pace struct {
	limit  *transfer.Limit // of this side; nil is none
	agreed bool            // on framing.CapCopy
	heard  func() uint64   // bytes that came on the link

	mu     sync.Mutex
	read   int64         // bytes of old files that were read and hashed
	took   time.Duration // that this took
	judged bool
	slow   bool    // the link
	rate   float64 // of it, in bytes a second, if it is slow
}

// looks tells whether what differs from an old file is looked for there, as far as is known.
func (p *pace) looks() bool {
	judged, slow := p.known()
	return p.agreed && (!judged || slow)
}

// known tells whether the link was judged, and as slow. A limit of this side can tell it
// before anything is measured.
func (p *pace) known() (judged, slow bool) {
	if p.limited() > 0 {
		return true, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.judged, p.slow
}

// limited is this side's limit, if that makes the link a slow one; else 0.
func (p *pace) limited() int64 {
	if rate := p.limit.Rate(); paceFactor*rate < paceLook {
		return rate
	}
	return 0
}

// hashed counts n bytes of an old file that were read and hashed since that time.
func (p *pace) hashed(n int64, since time.Time) {
	took := time.Since(since)
	p.mu.Lock()
	p.read, p.took = p.read+n, p.took+took
	p.mu.Unlock()
}

// judge judges the link by what came on it in that time, which ended with a chunk that was
// waited for. The first judgement counts.
func (p *pace) judge(came uint64, in time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.judged {
		return
	}
	// What is read can be slower than what is cut; no time is divided by, which may be zero.
	slow := in.Seconds()*paceLook > paceFactor*float64(came)
	if p.read > 0 {
		slow = slow && in.Seconds()*float64(p.read) > paceFactor*p.took.Seconds()*float64(came)
	}
	if p.judged, p.slow = true, slow; slow {
		p.rate = float64(came) / in.Seconds()
	}
}

// worth is how many chunks cross in the time that it takes to list a file of size bytes. If
// fewer differ, they had better come whole.
func (p *pace) worth(size int64) uint64 {
	limit := p.limited()
	p.mu.Lock()
	defer p.mu.Unlock()
	rate := p.rate
	if limit > 0 {
		rate = float64(limit)
	}
	took := float64(size) / paceLook
	if p.read > 0 {
		took = max(took, float64(size)/float64(p.read)*p.took.Seconds())
	}
	crosses := float64(size>>delta.Level(size)) * (2 + framing.SumSize)
	return uint64((took*rate + crosses) / checksum.ChunkSize)
}

// probe is chunks by which the link is measured: all that are asked for meanwhile.
type probe struct {
	chunks uint64
	number int // of those that were made so far, and this one
	began  time.Time
	heard  uint64 // bytes that had come then
	ended  time.Time
	closed uint64 // and when they were there
}

// more tells whether another one can tell more.
func (p *probe) more() bool { return p.chunks < probeMore }
