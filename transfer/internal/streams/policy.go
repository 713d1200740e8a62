package streams

import (
	"time"

	"ferry/transfer/link"
)

const (
	// Tick is the time between two looks at the path.
	Tick = 50 * time.Millisecond
	// localPath is a round trip that one stream fills: no wire is behind it, or a
	// short one.
	localPath = 2 * time.Millisecond
	// LongPath is one over which one stream cannot be fast on many systems: their
	// buffer for it holds a few MiB.
	LongPath = 100 * time.Millisecond
	// blindPath is one for which a system that tells nothing gets blindStreams.
	blindPath    = 20 * time.Millisecond
	blindStreams = 4

	// settleTrips is how many round trips new streams are given to get up to speed,
	// recoverTrips how many the first loss is given to be made good, and
	// stretchTrips how many are then judged together, stretchLeast at least.
	settleTrips  = 8
	recoverTrips = 4
	stretchTrips = 6
	stretchLeast = 300 * time.Millisecond
	// lossTrips and lossLeast take the place of these where losses are not resisted:
	// they end every start soon.
	lossTrips = 4
	lossLeast = 200 * time.Millisecond
	// mostly is the share of the looks of a stretch that makes it so.
	mostly = 0.8
	// steady is how many times the rate of the stretch before one may have that is
	// not on its way up.
	steady = 1.5
	// heldShare of the time is enough to say that buffers limit a stream whose rate
	// does not rise any more.
	heldShare = 0.25
	// heldTrips is how many round trips the average of how much buffers of this side
	// limit the streams goes back, heldLeast at least, and heldAverage what it has to
	// be for them to be too small for certain.
	heldTrips, heldAverage = 2, 0.4
	heldLeast              = 200 * time.Millisecond
	// apartTrips is how far apart two losses are that are not one and the same.
	apartTrips = 2
	// lossyShare of the looks, with nothing in the queues at lossyCalm of them, means
	// that the path itself loses packets, all the time: then what waits to be sent
	// again fills the buffer of a stream that resists losses.
	lossyShare, lossyCalm = 0.25, 0.25
	// proportion is what part of their share new streams have to bring.
	proportion = 0.6
	// doubtStretches one after another say that an empty path is no accident.
	doubtStretches = 3
	// heldFactor is how many times as many streams are tried where buffers are too
	// small, lossFactor where losses go on that make each stream send less, and
	// slowFactor where the streams have not got over one yet.
	heldFactor, lossFactor, slowFactor = 2, 8, 4
	// worthwhileTrips is for how long a delivery must go on to gain by more streams:
	// opening one takes four round trips.
	worthwhileTrips = 12
	// worthwhileBytes is the same in bytes, before the rate is known.
	worthwhileBytes = 8 << 20
)

// breadth decides how many streams a delivery gets. It is a pure function of what
// it is told about the path, with no clock of its own.
//
// More streams take more of the path from others, so there are more only while
// the path is not full: it is full when packets wait in its queues, and then the
// round trip is longer than it could be. If nothing waits, and yet there is more
// to send, then the buffers of the streams are too small, or losses that have
// nothing to do with the load keep the streams slow. Losses are first countered by
// a congestion control that takes them for what they are; only where that cannot
// be had by more streams. Likewise buffers of this side are first made deeper, but
// over a long path, where there are two streams from the start. What more streams
// did not bring is tried again only while losses go on.
type breadth struct {
	most    int
	streams int // asked for
	Done    bool

	seen     time.Duration // when the last look was
	least    time.Duration // the shortest round trip
	arrived  []uint64      // of each stream, at the last look
	held     []time.Duration
	heldHere []time.Duration
	resent   []uint64
	lost     bool // anything, ever
	refused  bool // loss cannot be resisted
	resists  bool
	deepened bool          // was asked for
	from     time.Duration // when the stretch began; in the future while streams settle
	looks    int           // in it
	calm     int           // looks at which nothing waited in queues
	backed   int           // looks at which there was more to send
	lossy    int           // looks before which something was lost
	since    time.Duration // when the first of them was
	apart    bool          // and another one long after it
	bytes    uint64        // arrived in it
	waited   time.Duration // held in it
	here     float64       // average share of the time that buffers of this side limit a stream on an empty path
	rate     float64       // average rate, bytes/s
	last     float64       // rate of the stretch before, bytes/s; 0 if there is none
	before   float64       // rate, bytes/s, when streams was raised last; 0 if never
	factor   float64       // by which it was
	doubts   int           // stretches that were judged as doubtful
	awaiting bool          // streams that were asked for are not there yet
}

// Look is what is seen at once.
type Look struct {
	At    time.Duration
	Paths []link.Path // of the link's streams
	Left  int64       // bytes to be sent; -1 if that is not known
	// Sending is how many writers have handed their bytes to the system, which does
	// not take them yet. Nothing else keeps a writer for long.
	Sending int
}

// NewBreadth starts with so many streams, of which some may be on their way, and
// never asks for more than most. Losses are resisted in any case.
func NewBreadth(streams, most int) *breadth {
	return &breadth{most: most, streams: streams, awaiting: streams > 1}
}

// change is what the policy asks for.
type change struct {
	Streams int  // how many there should be; 0 for no change
	Resist  bool // to try to resist losses, and to tell resisted of it
	Deepen  bool // to try to have deeper buffers
}

// Next takes a look.
func (b *breadth) Next(l Look) change {
	first := l.Paths[0]
	switch {
	case !first.Known && b.least > 0:
		return change{} // it has no connection at present
	case first.MinRTT < localPath:
		b.Done = true
		return change{}
	case !first.Known:
		b.Done = true
		if first.MinRTT >= blindPath && b.streams < b.most && l.Enough() {
			return change{Streams: min(blindStreams, b.most)}
		}
		return change{}
	}
	queue := b.take(l)
	if b.lost && !b.resists && !b.refused {
		b.begin(l.At)
		if !b.isCalm(queue) { // it may be that the start was too fast
			b.begin(l.At + recoverTrips*b.least)
		}
		return change{Resist: true}
	}
	if b.before == 0 && b.streams == 1 && b.most > 1 && b.least >= LongPath && l.Enough() {
		return b.raise(l.At, 2, 0)
	}
	held := b.here >= heldAverage && l.Enough() && !b.late(l, b.rate)
	if held && !b.deepened {
		return b.outgrow(l, b.rate)
	}
	if b.awaiting {
		if len(l.Paths) < b.streams {
			return change{}
		}
		b.awaiting = false
		settle := settleTrips * b.least
		if b.refused {
			settle = lossTrips * b.least
		}
		b.begin(l.At + settle)
	}
	if l.At < b.from {
		b.begin(b.from)
		return change{}
	}
	if held && b.streams < b.most && !b.inVain(b.rate) {
		return b.outgrow(l, b.rate)
	}
	b.looks++
	if b.isCalm(queue) {
		b.calm++
	}
	if 2*l.Sending >= len(l.Paths) {
		b.backed++
	}
	took := l.At - b.from
	if took < b.stretch() {
		return change{}
	}
	c := b.judge(l, took)
	if c.Streams == 0 {
		b.begin(l.At)
	}
	return c
}

// stretch is for how long looks are judged together.
func (b *breadth) stretch() time.Duration {
	if b.refused {
		return max(lossLeast, lossTrips*b.least)
	}
	return max(stretchLeast, stretchTrips*b.least)
}

// Enough tells whether there is so much left that more streams may be worth it.
func (l *Look) Enough() bool { return l.Left < 0 || l.Left >= worthwhileBytes }

// judge looks back on a stretch.
func (b *breadth) judge(l Look, took time.Duration) change {
	rate := float64(b.bytes) / took.Seconds()
	last := b.last
	b.last = rate
	switch {
	case b.share(b.backed) < mostly, b.late(l, rate):
		return change{}
	case b.inVain(rate):
		return b.doubt(l, rate)
	case b.resists && b.share(b.lossy) >= lossyShare && b.share(b.calm) >= lossyCalm:
		return b.outgrow(l, rate)
	case b.share(b.calm) < mostly:
		return change{}
	case b.refused && b.apart:
		return b.raise(l.At, b.streams*lossFactor, rate)
	case rate > steady*last:
		return change{}
	case b.waited.Seconds() >= heldShare*took.Seconds()*float64(b.streams):
		return b.raise(l.At, b.streams*heldFactor, rate)
	case b.refused && b.lost:
		return b.raise(l.At, b.streams*slowFactor, rate)
	}
	return change{}
}

// outgrow is for buffers of this side that are too small: they are made deeper
// once, and then there are more streams.
func (b *breadth) outgrow(l Look, rate float64) change {
	b.here = 0
	if !b.deepened {
		b.deepened = true
		return change{Deepen: true}
	}
	return b.raise(l.At, b.streams*heldFactor, rate)
}

// doubt is for streams that brought too little. The rate before them may have been
// that of a start, which no loss had slowed yet: so where there are losses and the
// path stays empty all the same they get one more chance, from what it is now.
func (b *breadth) doubt(l Look, rate float64) change {
	if b.doubts >= doubtStretches {
		return change{}
	}
	if !b.refused || b.lossy == 0 || b.share(b.calm) < mostly {
		b.doubts = 0
		return change{}
	}
	if b.doubts++; b.doubts < doubtStretches {
		return change{}
	}
	return b.raise(l.At, b.streams*heldFactor, rate)
}

// late tells whether the delivery will be over before more streams are of use.
func (b *breadth) late(l Look, rate float64) bool {
	return l.Left >= 0 && float64(l.Left) < rate*worthwhileTrips*b.least.Seconds()
}

// Shallow tells that buffers cannot be made deeper.
func (b *breadth) Shallow(l Look) change {
	if b.awaiting || b.inVain(b.rate) {
		return change{}
	}
	return b.outgrow(l, b.rate)
}

// inVain tells whether the streams raised last brought too little.
func (b *breadth) inVain(rate float64) bool {
	return b.before > 0 && rate < b.before*b.factor*proportion
}

// share is the share of the stretch's looks that n of them are.
func (b *breadth) share(n int) float64 { return float64(n) / float64(b.looks) }

// raise asks for n streams, where the rate was what it was.
func (b *breadth) raise(at time.Duration, n int, rate float64) change {
	n = min(n, b.most)
	if n <= b.streams {
		return change{}
	}
	b.factor, b.before = float64(n)/float64(b.streams), rate
	b.streams, b.awaiting, b.last = n, true, 0
	b.begin(at)
	return change{Streams: n}
}

// Resisted tells whether losses are resisted from here on.
func (b *breadth) Resisted(ok bool) { b.resists, b.refused = ok, !ok }

// begin starts a stretch.
func (b *breadth) begin(at time.Duration) {
	b.from = at
	b.looks, b.calm, b.backed, b.lossy, b.bytes, b.waited = 0, 0, 0, 0, 0, 0
	b.apart = false
}

// take notes what changed since the last look, and returns how long packets wait
// on the way.
func (b *breadth) take(l Look) (queue time.Duration) {
	first := len(b.arrived) == 0
	for len(b.arrived) < len(l.Paths) {
		b.arrived, b.resent = append(b.arrived, 0), append(b.resent, 0)
		b.held, b.heldHere = append(b.held, 0), append(b.heldHere, 0)
	}
	for i, p := range l.Paths {
		if p.Known && p.Arrived < b.arrived[i] {
			b.least = 0 // another connection, and perhaps another way
		}
	}
	var active int
	var lost bool
	var trips, here time.Duration
	var bytes uint64
	for i, p := range l.Paths {
		if !p.Known {
			continue
		}
		if b.least == 0 || p.MinRTT < b.least {
			b.least = p.MinRTT
		}
		if p.Arrived > b.arrived[i] || p.HeldHere > b.heldHere[i] {
			bytes += max(p.Arrived, b.arrived[i]) - b.arrived[i]
			active++
			trips += p.RTT
		}
		b.waited += max(0, p.Held-b.held[i])
		here += max(0, p.HeldHere-b.heldHere[i])
		if p.Resent > b.resent[i] {
			lost = true
		}
		b.arrived[i], b.held[i], b.heldHere[i], b.resent[i] = p.Arrived, p.Held, p.HeldHere, p.Resent
	}
	if active > 0 {
		queue = trips/time.Duration(active) - b.least
	}
	if lost {
		b.lost = true
		if b.lossy == 0 {
			b.since = l.At
		}
		b.apart = b.apart || l.At-b.since > apartTrips*b.least
		b.lossy++
		b.here = 0 // what was lost fills the buffer too
	}
	b.bytes += bytes
	since := l.At - b.seen
	b.seen = l.At
	if since <= 0 || active == 0 || first {
		return queue // what came before the first look took a time that is not known
	}
	var share float64
	if b.isCalm(queue) {
		share = here.Seconds() / (since.Seconds() * float64(active))
	}
	weight := min(1, since.Seconds()/max(heldTrips*b.least, heldLeast).Seconds())
	b.here += weight * (share - b.here)
	rate := float64(bytes) / since.Seconds()
	if b.rate == 0 {
		b.rate = rate
	}
	b.rate += weight * (rate - b.rate)
	return queue
}

// isCalm tells whether nothing waits in queues.
func (b *breadth) isCalm(queue time.Duration) bool { return queue <= b.least/16+4*time.Millisecond }
