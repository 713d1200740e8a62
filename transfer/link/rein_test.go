package link

import (
	"testing"
	"time"
)

// A rein acts on a connection that is still in its start, whose rate has not grown for
// three round trips, and only while packets wait on the way.
func TestRein(t *testing.T) {
	const trip, queue, start, cruise = 200 * time.Millisecond, 60 * time.Millisecond, 739, 256
	type look struct {
		at    time.Duration
		rate  uint64
		gain  uint32
		queue time.Duration
		want  uint64
	}
	for name, looks := range map[string][]look{
		"starts for ever": {
			{0, 100, start, 0, 0}, {trip, 200, start, 0, 0}, {2 * trip, 400, start, queue, 0}, {3 * trip, 420, start, queue, 0},
			{5 * trip, 420, start, queue, 525}, {6 * trip, 410, start, 0, 525},
		},
		"finds its end": {
			{0, 400, start, queue, 0}, {2 * trip, 400, start, queue, 0}, {3 * trip, 400, cruise, queue, 0}, {9 * trip, 400, cruise, queue, 0},
		},
		"finds it when reined": {
			{0, 400, start, queue, 0}, {3 * trip, 400, start, queue, 500}, {4 * trip, 400, cruise, queue, 0}, {5 * trip, 400, cruise, queue, 0},
		},
		"nothing waits": {
			{0, 400, start, 0, 0}, {9 * trip, 400, start, 0, 0}, {10 * trip, 400, start, 12 * time.Millisecond, 0},
		},
		"the path takes more": {
			{0, 400, start, queue, 0}, {3 * trip, 400, start, queue, 500}, {4 * trip, 480, start, 0, 600}, {5 * trip, 600, start, 0, 750}, {6 * trip, 900, start, 0, 1125},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var r rein
			began := time.Now()
			for _, l := range looks {
				got := r.next(pacing{l.rate, l.gain}, Path{MinRTT: trip, RTT: trip + l.queue}, began.Add(l.at))
				if got != l.want {
					t.Errorf("at %v: limit %d, want %d", l.at, got, l.want)
				}
			}
		})
	}
}
