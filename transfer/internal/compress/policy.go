package compress

import (
	"math"
	"time"
)

const (
	// sampleBytes of a chunk tell whether the rest is worth trying.
	sampleBytes = 64 << 10
	// maxPause is how many chunks are passed over, at most, after some that did
	// not shrink: few enough for an archive of this and that.
	maxPause = 16
	// samplePause is how many go between two samples while the line is too fast.
	samplePause = 32
	// policyWire and policyTime end a stretch that is judged as a whole. It has
	// more bytes on the wire than the buffers on the way take at once.
	policyWire = 2 << 20
	policyTime = time.Second
	// maxHold bounds, in stretches, how long a decision that measurement confirmed
	// again and again stays without another look.
	maxHold = 64
	// enterFactor and leaveFactor are how many times faster than the line the
	// compressor has to be: it has the processors for itself less often than the
	// line has the wire, and the other side pays for decoding. Where the other side
	// is on this machine a busy moment looks like a slow line, so that it takes
	// localFactor: what is found to be slow there leads through a tunnel.
	enterFactor, leaveFactor = 2, 1.5
	localFactor              = 8
	// slowLine is how many times slower than the compressor content moves so slowly
	// that nobody needs to measure what the line does with plain bytes.
	slowLine = 4
)

// policy decides which chunks are compressed. It is a pure function of the
// numbers that it is told, with no clock of its own; its caller locks it.
//
// Chunks that shrink are compressed while that is on; a sample of a chunk tells.
// Whether it is on follows from three rates: of the compressor, of the line with
// plain bytes while it was busy, and of the content while it was on. It goes on
// when the compressor is much faster than the line, and off when content would
// have moved faster without. When the line is seen to wait for the compressor
// nobody knows how fast it is: then one stretch goes plain.
type policy struct {
	always bool // the user said so: only content that does not shrink goes plain

	on    bool
	epoch uint32  // counts changes of on
	speed float64 // of the compressor, on samples that shrank, bytes/s; 0 unknown
	line  float64 // bytes/s; 0 unknown

	skip  int // chunks still passed over
	pause int // chunks passed over after the last sample that did not shrink

	factor   float64 // to enter
	lines    float64 // streams that are written to at once
	seen     stretch // since the last judgement, of this epoch
	off      int     // stretches since it went off
	hold     int     // stretches that it stays off
	starved  int     // stretches since it went on in which the line waited
	patience int     // of them until the line is measured again
}

// stretch is what was sent in some time, and where the time of the writers went.
type stretch struct {
	content, wire int64
	busy, idle    time.Duration
}

// newPolicy begins with compression on, unless the line is local.
func newPolicy(always, local bool, streams int) policy {
	p := policy{always: always, on: always || !local, factor: enterFactor, lines: float64(streams), hold: 1, patience: 1}
	if local {
		p.factor = localFactor
	}
	return p
}

// next tells whether to sample the next chunk.
func (p *policy) next() bool {
	if p.skip > 0 {
		p.skip--
		return false
	}
	if !p.on && p.speed > 0 {
		p.skip = samplePause
	}
	return true
}

// shrinks tells whether out bytes are so much fewer than in that decoding them
// pays.
func shrinks(in, out int) bool { return out <= in-in/16 }

// sampled takes the result of a sample, or of a whole chunk after it, and tells
// whether to send the chunk compressed.
func (p *policy) sampled(in, out int, took time.Duration) bool {
	if !shrinks(in, out) {
		if !p.always {
			p.pause = min(max(1, 2*p.pause), maxPause)
			p.skip = max(p.skip, p.pause)
		}
		return false
	}
	p.pause = 0
	if now := perSecond(int64(in), took); p.speed == 0 {
		p.speed = now
	} else {
		p.speed = (p.speed + now) / 2
	}
	if !p.always && p.on && p.speed < leaveFactor*p.line {
		p.turn(false)
	}
	return p.on
}

// sent takes what a chunk or a pack cost, if the decision about it was made in this epoch.
// The cost is the bytes of its content and on the wire, the time that its writer was busy
// with it, and the time that the writer had waited for it.
func (p *policy) sent(epoch uint32, s stretch) {
	if p.always || epoch != p.epoch {
		return
	}
	p.seen.content += s.content
	p.seen.wire += s.wire
	p.seen.busy += s.busy
	p.seen.idle += s.idle
	if p.seen.wire < policyWire && (p.seen.busy+p.seen.idle).Seconds() < p.lines*policyTime.Seconds() {
		return
	}
	w := p.seen
	p.seen = stretch{}
	if p.on {
		p.judgeOn(w)
	} else {
		p.judgeOff(w)
	}
}

func (p *policy) judgeOff(w stretch) {
	p.off++
	p.line = p.lines * perSecond(w.wire, w.busy)
	if p.off >= p.hold && p.speed > p.factor*p.line {
		p.turn(true)
	}
}

func (p *policy) judgeOn(w stretch) {
	waits := w.idle > w.busy
	switch moved := p.lines * perSecond(w.content, w.busy+w.idle); {
	case p.speed == 0: // nothing shrank yet
	case p.line == 0:
		if waits || moved*slowLine > p.speed {
			p.turn(false)
		}
	case moved < p.line: // it would have moved faster
		p.hold = min(2*p.hold, maxHold)
		p.turn(false)
	case waits:
		if p.starved++; p.starved >= p.patience {
			p.patience, p.hold = min(2*p.patience, maxHold), 1
			p.turn(false)
		}
	default:
		p.hold = 1
	}
}

func (p *policy) turn(on bool) {
	p.on = on
	p.epoch++
	p.seen = stretch{}
	p.off, p.starved = 0, 0
	if on {
		p.skip = p.pause
	}
}

// perSecond is the rate of n bytes in d; no time at all is a nanosecond.
func perSecond(n int64, d time.Duration) float64 {
	return float64(n) / math.Max(d.Seconds(), 1e-9)
}
