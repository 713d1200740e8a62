package link

import "time"

const (
	// startGain is the gain, of 256, from which lossControl is in its start.
	startGain = 512
	// reinTrips is for how many round trips a rate has not grown that will not.
	reinTrips = 3
	// reinGrowth is how many times the rate one must be that has grown. A limit is as far
	// above what arrives, so that it rises where the path takes more.
	reinGrowth = 1.25
)

// rein holds back a connection under lossControl that does not find the end of its start.
//
// lossControl starts at nearly three times the rate at which bytes arrive, until that has
// not grown for three round trips. It leaves out those in which the program gave it less
// than it would have taken, and credit bounds what a delivery gives. On a long path it may
// start for ever: then what it sends fills the queue on the way and is lost there. rein
// counts all round trips, and acts only while packets wait on the way (measured over
// 200 ms and 200 Mbit/s: 0.9 of the bytes and of the time).
//
// One goroutine uses a rein.
type rein struct {
	rate  uint64    // the most so far, bytes/s
	since time.Time // when it had grown
	limit uint64    // in force, bytes/s; 0 is none
}

// pacing is what lossControl tells of a connection.
type pacing struct {
	rate uint64 // at which bytes arrive at the best, bytes/s
	gain uint32 // how many times that it sends, of 256
}

// next takes what is told now, and returns the limit from here on; 0 is none.
func (r *rein) next(told pacing, path Path, now time.Time) (limit uint64) {
	grown := float64(told.rate) > reinGrowth*float64(r.rate)
	switch waits := path.RTT-path.MinRTT > path.MinRTT/16+4*time.Millisecond; {
	case told.gain < startGain:
		r.limit = 0
		return 0
	case grown:
		r.since = now
	case r.limit == 0 && (!waits || now.Sub(r.since) < reinTrips*path.MinRTT):
		return 0
	}
	if r.rate = max(r.rate, told.rate); r.limit > 0 || !grown {
		r.limit = uint64(reinGrowth * float64(r.rate))
	}
	return r.limit
}
