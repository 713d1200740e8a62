package streams

import (
	"time"

	"ferry/transfer/internal/flow"
	"ferry/transfer/link"
)

const (
	// Tick is the time between two looks at the path.
	Tick = 50 * time.Millisecond
	// localPath is a round trip that one stream fills: no wire is behind it, or a
	// short one. What limits there is what one goroutine seals and writes, some 10 Gbit/s
	// a stream.
	localPath = 2 * time.Millisecond
	// coresAStream is how many cores one stream over such a path keeps busy, at one side,
	// with the reading and hashing of what it carries. More streams than localStreams
	// would outrun any wire of today. Fewer than localBytes are over before it pays.
	coresAStream = 2
	localStreams = 8
	localBytes   = 64 << 20
	// blindPath is one for which a system that tells nothing gets blindStreams.
	blindPath    = 20 * time.Millisecond
	blindStreams = 4

	// settleTrips is how many round trips new streams have to get up to speed, and
	// recoverTrips how many there are to make the first loss good. Then stretchTrips are
	// judged together, which take stretchLeast at least.
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
	// meter.here averages the share of the time that buffers of this side limit the
	// streams. heldTrips is its window in round trips, and heldLeast the shortest one. From
	// heldAverage on the buffers are too small for certain.
	heldTrips, heldAverage = 2, 0.4
	heldLeast              = 200 * time.Millisecond
	// apartTrips is how far apart two losses are that are not one and the same.
	apartTrips = 2
	// The path itself loses packets, all the time, if there are losses at lossyShare of the
	// looks and nothing is in the queues at lossyCalm of them. Then what waits to be sent
	// again fills the buffer of a stream that resists losses.
	lossyShare, lossyCalm = 0.25, 0.25
	// proportion is what part of their share new streams have to bring.
	proportion = 0.6
	// doubtStretches one after another say that an empty path is no accident.
	doubtStretches = 3
	// How many times as many streams are tried: heldFactor where buffers are too small,
	// lossFactor where losses go on and make each stream send less, slowFactor where the
	// streams have not got over one loss yet.
	heldFactor, lossFactor, slowFactor = 2, 8, 4
	// worthwhileTrips is for how long a delivery must go on to gain by more streams:
	// opening one takes four round trips.
	worthwhileTrips = 12
	// worthwhileBytes is the same in bytes, before the rate is known.
	worthwhileBytes = 8 << 20
)

// Breadth decides how many streams a delivery gets. It is a pure function of what
// it is told about the path, with no clock of its own.
//
// More streams take more of the path from others, so there are more only while the path
// is not full. When it is full, packets wait in its queues, and the round trip is longer
// than it could be. If nothing waits, and yet there is more
// to send, then the buffers of the streams are too small, or losses that have
// nothing to do with the load keep the streams slow. Losses are first countered by
// a congestion control that takes them for what they are; only where that cannot
// be had by more streams. Likewise buffers of this side are first made deeper, but
// over a long path, where there are two streams from the start. What more streams
// did not bring is tried again only while losses go on.
type Breadth struct {
	most    int
	cores   int  // that this side has
	streams int  // asked for
	done    bool // nothing more will be asked for

	path    meter
	stretch stretch

	resists  bool // losses are resisted
	refused  bool // they cannot be
	deepened bool // deeper buffers were asked for

	awaiting bool    // streams that were asked for are not there yet
	last     float64 // rate of the stretch before, bytes/s; 0 if there is none
	before   float64 // rate, bytes/s, when streams was raised last; 0 if never
	factor   float64 // by which it was
	doubts   int     // stretches that were judged as doubtful
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

// enough tells whether there is so much left that more streams may be worth it.
func (l *Look) enough() bool { return l.Left < 0 || l.Left >= worthwhileBytes }

// NewBreadth starts with so many streams, of which some may be on their way, and
// never asks for more than most. This side has so many cores. Losses are resisted in any
// case.
func NewBreadth(streams, most, cores int) *Breadth {
	return &Breadth{most: most, cores: cores, streams: streams, awaiting: streams > 1}
}

// Change is what the policy asks for.
type Change struct {
	Streams int  // how many there should be; 0 for no change
	Resist  bool // to try to resist losses, and to tell resisted of it
	Deepen  bool // to try to have deeper buffers, and to ask shallow if there are none
}

// Done tells that nothing more will be asked for.
func (b *Breadth) Done() bool { return b.done }

// Next takes a look.
func (b *Breadth) Next(l Look) Change {
	first := l.Paths[0]
	switch {
	case !first.Known && b.path.least > 0:
		return Change{} // it has no connection at present
	case first.MinRTT < localPath:
		n := min(b.cores/coresAStream, localStreams, b.most)
		switch {
		case n <= b.streams:
			b.done = true
			return Change{}
		case l.Left >= 0 && l.Left < localBytes:
			return Change{} // more may be found
		}
		b.done = true
		return Change{Streams: n}
	case !first.Known:
		b.done = true
		if first.MinRTT >= blindPath && b.streams < b.most && l.enough() {
			return Change{Streams: min(blindStreams, b.most)}
		}
		return Change{}
	}
	g := b.path.take(l)
	b.stretch.take(&g, l.At, b.path.least)
	calm := b.path.isCalm(g.queue)
	if b.path.lost && !b.resists && !b.refused {
		b.stretch.begin(l.At)
		if !calm { // it may be that the start was too fast
			b.stretch.begin(l.At + recoverTrips*b.path.least)
		}
		return Change{Resist: true}
	}
	if b.before == 0 && b.streams == 1 && b.most > 1 && b.path.least >= flow.LongPath && l.enough() {
		return b.raise(l.At, 2, 0)
	}
	held := b.path.here >= heldAverage && l.enough() && !b.late(l, b.path.rate)
	if held && !b.deepened {
		return b.outgrow(l, b.path.rate)
	}
	if !b.settled(l) {
		return Change{}
	}
	if held && b.streams < b.most && !b.inVain(b.path.rate) {
		return b.outgrow(l, b.path.rate)
	}
	b.stretch.look(calm, 2*l.Sending >= len(l.Paths))
	took := l.At - b.stretch.from
	if took < b.length() {
		return Change{}
	}
	c := b.judge(l, took)
	if c.Streams == 0 {
		b.stretch.begin(l.At)
	}
	return c
}

// settled tells whether the streams that were asked for are there, and up to speed.
func (b *Breadth) settled(l Look) bool {
	if b.awaiting {
		if len(l.Paths) < b.streams {
			return false
		}
		b.awaiting = false
		settle := settleTrips * b.path.least
		if b.refused {
			settle = lossTrips * b.path.least
		}
		b.stretch.begin(l.At + settle)
	}
	if l.At < b.stretch.from {
		b.stretch.begin(b.stretch.from)
		return false
	}
	return true
}

// length is for how long looks are judged together.
func (b *Breadth) length() time.Duration {
	if b.refused {
		return max(lossLeast, lossTrips*b.path.least)
	}
	return max(stretchLeast, stretchTrips*b.path.least)
}

// judge looks back on a stretch.
func (b *Breadth) judge(l Look, took time.Duration) Change {
	s := &b.stretch
	rate := float64(s.bytes) / took.Seconds()
	last := b.last
	b.last = rate
	switch {
	case s.share(s.backed) < mostly, b.late(l, rate):
		return Change{}
	case b.inVain(rate):
		return b.doubt(l, rate)
	case b.resists && s.share(s.lossy) >= lossyShare && s.share(s.calm) >= lossyCalm:
		return b.outgrow(l, rate)
	case s.share(s.calm) < mostly:
		return Change{}
	case b.refused && s.apart:
		return b.raise(l.At, b.streams*lossFactor, rate)
	case rate > steady*last:
		return Change{}
	case s.waited.Seconds() >= heldShare*took.Seconds()*float64(b.streams):
		return b.raise(l.At, b.streams*heldFactor, rate)
	case b.refused && b.path.lost:
		return b.raise(l.At, b.streams*slowFactor, rate)
	}
	return Change{}
}

// outgrow is for buffers of this side that are too small: they are made deeper
// once, and then there are more streams.
func (b *Breadth) outgrow(l Look, rate float64) Change {
	b.path.here = 0
	if !b.deepened {
		b.deepened = true
		return Change{Deepen: true}
	}
	return b.raise(l.At, b.streams*heldFactor, rate)
}

// doubt is for streams that brought too little. The rate before them may have been that of
// a start, which no loss had slowed yet. So where there are losses, and the path stays
// empty all the same, they get one more chance from the rate of now.
func (b *Breadth) doubt(l Look, rate float64) Change {
	if b.doubts >= doubtStretches {
		return Change{}
	}
	if s := &b.stretch; !b.refused || s.lossy == 0 || s.share(s.calm) < mostly {
		b.doubts = 0
		return Change{}
	}
	if b.doubts++; b.doubts < doubtStretches {
		return Change{}
	}
	return b.raise(l.At, b.streams*heldFactor, rate)
}

// late tells whether the delivery will be over before more streams are of use.
func (b *Breadth) late(l Look, rate float64) bool {
	return l.Left >= 0 && float64(l.Left) < rate*worthwhileTrips*b.path.least.Seconds()
}

// shallow tells that buffers cannot be made deeper, and returns what is asked for instead.
func (b *Breadth) shallow(l Look) Change {
	if b.awaiting || b.inVain(b.path.rate) {
		return Change{}
	}
	return b.outgrow(l, b.path.rate)
}

// inVain tells whether the streams raised last brought too little.
func (b *Breadth) inVain(rate float64) bool {
	return b.before > 0 && rate < b.before*b.factor*proportion
}

// raise asks for n streams, where the rate was what it was.
func (b *Breadth) raise(at time.Duration, n int, rate float64) Change {
	n = min(n, b.most)
	if n <= b.streams {
		return Change{}
	}
	b.factor, b.before = float64(n)/float64(b.streams), rate
	b.streams, b.awaiting, b.last = n, true, 0
	b.stretch.begin(at)
	return Change{Streams: n}
}

// Tuner is the path under a link of streams, where something is known of it.
type Tuner interface {
	// Path is what the system knows of stream i.
	Path(i int) link.Path
	// ResistLoss has losses resisted from here on, and Deepen gives deeper buffers. They
	// return false where that cannot be had.
	ResistLoss() bool
	Deepen() bool
	// Rein holds stream i back where it sends more than the path takes.
	Rein(i int)
}

// Steer is Next with what the path is found to be, and does what is asked for. It returns
// how many streams there should be; 0 for no change.
func (b *Breadth) Steer(path Tuner, l Look) (streams int) {
	c := b.Next(l)
	if c.Resist {
		b.resisted(path.ResistLoss())
	}
	if c.Deepen && !path.Deepen() {
		c = b.shallow(l)
	}
	return c.Streams
}

// resisted tells whether losses are resisted from here on.
func (b *Breadth) resisted(ok bool) { b.resists, b.refused = ok, !ok }
