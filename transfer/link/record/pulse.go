package record

import (
	"sync/atomic"
	"time"
)

// Pulse remembers when anything last came on any of some connections, on the monotonic
// clock, and counts what crossed them. Any goroutine may use it.
type Pulse struct {
	base    time.Time
	last    atomic.Int64  // nanoseconds after base
	traffic atomic.Int64  // bytes in both directions, with all that protects them
	bulk    atomic.Uint64 // bytes of long sealed records
}

// NewPulse returns a pulse that was felt just now.
func NewPulse() *Pulse { return &Pulse{base: time.Now()} }

// Touch says that the other side was heard just now.
func (p *Pulse) Touch() { p.last.Store(int64(time.Since(p.base))) }

// Silence is for how long nothing was heard.
func (p *Pulse) Silence() time.Duration {
	return time.Since(p.base) - time.Duration(p.last.Load())
}

// Traffic is how many bytes crossed the connections in both directions, from the first
// of a TLS handshake on.
func (p *Pulse) Traffic() int64 { return p.traffic.Load() }

// Bulk is how many bytes of long sealed records have come. It grows while such a record
// is under way, of which nothing is handed on before it has ended.
func (p *Pulse) Bulk() uint64 { return p.bulk.Load() }

// dripLeast is what comes within seconds over any line that is of use, in bytes, and
// not within minutes of heartbeats.
const dripLeast = 4 << 10

// ear decides what counts as a sign of life. It belongs to the reading goroutine.
type ear struct {
	pulse *Pulse // nil before the proof: then nobody listens
	// long: a long sealed record is being read.
	long bool
	// partial: a sealed record has not ended, and its length is not known to be true.
	// A forged length could swallow heartbeats, so fewer than dripLeast bytes of such a
	// record are no sign of life.
	partial bool
	drip    int // bytes since the last sign of life
}

// hear takes note of n bytes that came.
func (e *ear) hear(n int) {
	if e.pulse == nil {
		return
	}
	if e.long {
		e.pulse.bulk.Add(uint64(n))
	}
	if e.partial {
		if e.drip += n; e.drip < dripLeast {
			return
		}
	}
	e.drip = 0
	e.pulse.Touch()
}

// begin says that a sealed record of n bytes is read from here.
func (e *ear) begin(n int) { e.long, e.partial = n > readSlack, true }

// end says that the record is there, or that reading it has failed.
func (e *ear) end(whole bool) {
	e.long = false
	if !whole {
		return
	}
	e.partial = false
	if e.drip > 0 {
		e.drip = 0
		e.pulse.Touch()
	}
}
