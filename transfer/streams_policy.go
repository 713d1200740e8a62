package transfer

import (
	"time"

	"ferry/transfer/link"
)

const (
	// pathTick is the time between two looks at the path.
	pathTick = 50 * time.Millisecond
	// localPath is a round trip that one stream fills: no wire is behind it, or a
	// short one.
	localPath = 2 * time.Millisecond
	// longPath is one over which one stream cannot be fast on many systems: their
	// buffer for it holds a few MiB.
	longPath = 100 * time.Millisecond
	// blindPath is one for which a system that tells nothing gets blindStreams.
	blindPath    = 20 * time.Millisecond
	blindStreams = 4

	// settleTrips is how many round trips new streams are given to get up to speed,
	// stretchTrips how many are then judged together, stretchLeast at least.
	settleTrips  = 8
	stretchTrips = 6
	stretchLeast = 300 * time.Millisecond
	// mostly is the share of the looks of a stretch that makes it so.
	mostly = 0.8
	// steady is how many times the rate of the stretch before one may have that is
	// not on its way up.
	steady = 1.5
	// heldShare of the time is enough to say that buffers limit a stream.
	heldShare = 0.25
	// lossyShare of the looks, with nothing in the queues at lossyCalm of them, means
	// that the path itself loses packets, all the time: then what waits to be sent
	// again fills the buffer of a stream that resists losses.
	lossyShare, lossyCalm = 0.25, 0.25
	// proportion is what part of their share new streams have to bring.
	proportion = 0.6
	// doubtStretches one after another say that an empty path is no accident.
	doubtStretches = 3
	// heldFactor and lossFactor are how many times as many streams are tried where
	// buffers are too small, and where each stream sends less after every loss.
	heldFactor, lossFactor = 2, 4
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
// be had by more streams. What more streams did not bring is not tried again.
type breadth struct {
	most    int
	streams int // asked for
	done    bool

	least    time.Duration // the shortest round trip
	arrived  []uint64      // of each stream, at the last look
	held     []time.Duration
	resent   []uint64
	lost     bool // anything, ever
	refused  bool // loss cannot be resisted
	resists  bool
	from     time.Duration // when the stretch began; in the future while streams settle
	looks    int           // in it
	calm     int           // looks at which nothing waited in queues
	backed   int           // looks at which there was more to send
	lossy    int           // looks before which something was lost
	bytes    uint64        // arrived in it
	waited   time.Duration // held in it
	last     float64       // rate of the stretch before, bytes/s; 0 if there is none
	before   float64       // rate, bytes/s, when streams was raised last; 0 if never
	factor   float64       // by which it was
	doubts   int           // stretches that were judged as doubtful
	awaiting bool          // streams that were asked for are not there yet
}

// pathLook is what is seen at once.
type pathLook struct {
	at    time.Duration
	paths []link.Path // of the link's streams
	left  int64       // bytes to be sent; -1 if that is not known
	// sending is how many writers have handed their bytes to the system, which does
	// not take them yet. Nothing else keeps a writer for long.
	sending int
}

// newBreadth starts with so many streams, of which some may be on their way, and
// never asks for more than most. Losses are resisted in any case.
func newBreadth(streams, most int) *breadth { return &breadth{most: most, streams: streams} }

// next takes a look. want is how many streams to ask for, 0 for no change; resist
// says to try to resist losses, and to tell resisted of it.
func (b *breadth) next(l pathLook) (want int, resist bool) {
	first := l.paths[0]
	switch {
	case !first.Known && b.least > 0:
		return 0, false // it has no connection at present
	case first.MinRTT < localPath:
		b.done = true
		return 0, false
	case !first.Known:
		b.done = true
		if first.MinRTT >= blindPath && b.streams < b.most && l.enough() {
			return min(blindStreams, b.most), false
		}
		return 0, false
	}
	queue := b.take(l)
	if b.lost && !b.resists && !b.refused {
		b.begin(l.at)
		return 0, true
	}
	if b.before == 0 && b.streams == 1 && b.most > 1 && b.least >= longPath && l.enough() {
		return b.raise(l.at, 2, 0), false
	}
	if b.awaiting {
		if len(l.paths) < b.streams {
			return 0, false
		}
		b.awaiting = false
		b.begin(l.at + settleTrips*b.least)
	}
	if l.at < b.from {
		b.begin(b.from)
		return 0, false
	}
	b.looks++
	if queue <= b.least/16+4*time.Millisecond {
		b.calm++
	}
	if 2*l.sending >= len(l.paths) {
		b.backed++
	}
	took := l.at - b.from
	if took < max(stretchLeast, stretchTrips*b.least) {
		return 0, false
	}
	want = b.judge(l, took)
	if want == 0 {
		b.begin(l.at)
	}
	return want, false
}

// enough tells whether there is so much left that more streams may be worth it.
func (l *pathLook) enough() bool { return l.left < 0 || l.left >= worthwhileBytes }

// judge looks back on a stretch.
func (b *breadth) judge(l pathLook, took time.Duration) (want int) {
	rate := float64(b.bytes) / took.Seconds()
	last := b.last
	b.last = rate
	switch {
	case b.streams == b.most, b.share(b.backed) < mostly:
		return 0
	case l.left >= 0 && float64(l.left) < rate*worthwhileTrips*b.least.Seconds():
		return 0
	case b.before > 0 && rate < b.before*b.factor*proportion:
		return b.doubt(l, rate)
	case b.resists && b.share(b.lossy) >= lossyShare && b.share(b.calm) >= lossyCalm:
		return b.raise(l.at, b.streams*heldFactor, rate)
	case b.share(b.calm) < mostly, rate > steady*last:
		return 0
	case b.waited.Seconds() >= heldShare*took.Seconds()*float64(b.streams):
		return b.raise(l.at, b.streams*heldFactor, rate)
	case b.lost && b.refused:
		return b.raise(l.at, b.streams*lossFactor, rate)
	}
	return 0
}

// doubt is for streams that brought too little. The rate before them may have been
// that of a start, which no loss had slowed yet: so where there are losses and the
// path stays empty all the same they get one more chance, from what it is now.
func (b *breadth) doubt(l pathLook, rate float64) (want int) {
	if b.doubts >= doubtStretches {
		return 0
	}
	if !b.refused || b.share(b.calm) < mostly {
		b.doubts = 0
		return 0
	}
	if b.doubts++; b.doubts < doubtStretches {
		return 0
	}
	return b.raise(l.at, b.streams*heldFactor, rate)
}

// share is the share of the stretch's looks that n of them are.
func (b *breadth) share(n int) float64 { return float64(n) / float64(b.looks) }

// raise asks for n streams, where the rate was what it was.
func (b *breadth) raise(at time.Duration, n int, rate float64) int {
	n = min(n, b.most)
	b.factor, b.before = float64(n)/float64(b.streams), rate
	b.streams, b.awaiting, b.last = n, true, 0
	b.begin(at)
	return n
}

// resisted tells whether losses are resisted from here on.
func (b *breadth) resisted(ok bool) { b.resists, b.refused = ok, !ok }

// begin starts a stretch.
func (b *breadth) begin(at time.Duration) {
	b.from = at
	b.looks, b.calm, b.backed, b.lossy, b.bytes, b.waited = 0, 0, 0, 0, 0, 0
}

// take notes what changed since the last look, and returns how long packets wait
// on the way.
func (b *breadth) take(l pathLook) (queue time.Duration) {
	for len(b.arrived) < len(l.paths) {
		b.arrived, b.held, b.resent = append(b.arrived, 0), append(b.held, 0), append(b.resent, 0)
	}
	for i, p := range l.paths {
		if p.Known && p.Arrived < b.arrived[i] {
			b.least = 0 // another connection, and perhaps another way
		}
	}
	var active int
	var lost bool
	var trips time.Duration
	for i, p := range l.paths {
		if !p.Known {
			continue
		}
		if b.least == 0 || p.MinRTT < b.least {
			b.least = p.MinRTT
		}
		if p.Arrived > b.arrived[i] {
			b.bytes += p.Arrived - b.arrived[i]
			active++
			trips += p.RTT
		}
		if p.Held > b.held[i] {
			b.waited += p.Held - b.held[i]
		}
		if p.Resent > b.resent[i] {
			lost = true
		}
		b.arrived[i], b.held[i], b.resent[i] = p.Arrived, p.Held, p.Resent
	}
	if active > 0 {
		queue = trips/time.Duration(active) - b.least
	}
	if lost {
		b.lost = true
		b.lossy++
	}
	return queue
}
