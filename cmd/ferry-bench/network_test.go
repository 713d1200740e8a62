package main

import (
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// packets gives n packets of a size at once, and then nothing until it is closed.
type packets struct {
	n, size int
	closed  chan struct{}
}

func (p *packets) Read(buf []byte) (int, error) {
	if p.n == 0 {
		<-p.closed
		return 0, io.EOF
	}
	p.n--
	return copy(buf, make([]byte, p.size)), nil
}

// arrivals notes when packets come out.
type arrivals struct {
	began time.Time
	at    []time.Duration
}

func (a *arrivals) Write(p []byte) (int, error) {
	a.at = append(a.at, time.Since(a.began))
	return len(p), nil
}

// carried is when the packets arrive that were given to a link, which counts all of them.
func carried(t *testing.T, l link, n, size int) []time.Duration {
	t.Helper()
	from := &packets{n, size, make(chan struct{})}
	to := &arrivals{began: time.Now()}
	go func() {
		time.Sleep(time.Minute) // of the bubble's time
		close(from.closed)
	}()
	var given atomic.Int64
	l.carry(from, to, &given, rand.New(rand.NewPCG(1, 2)))
	if want := int64(n * size); given.Load() != want {
		t.Errorf("%d bytes were counted, want %d", given.Load(), want)
	}
	return to.at
}

func TestLinkDelaysAndLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 50 packets of 1000 bytes at 8 Mbit/s are a millisecond each.
		at := carried(t, link{rtt: 60 * time.Millisecond, rate: 8_000_000}, 50, 1000)
		if len(at) != 50 {
			t.Fatalf("%d of 50 packets arrived", len(at))
		}
		for i, d := range at {
			if want := time.Duration(i+31) * time.Millisecond; d != want {
				t.Errorf("packet %d arrived after %v, want %v", i, d, want)
			}
		}
	})
}

func TestLinkDropsWhatDoesNotFitItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := carried(t, link{rate: 8_000_000}, 500, 1000)
		if want := int(longestQueue/time.Millisecond) + 1; len(at) != want {
			t.Errorf("%d packets arrived, want %d", len(at), want)
		}
	})
}

func TestLinkLosesPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := carried(t, link{rate: 10_000_000_000, loss: 0.1}, 10_000, 100)
		if len(at) < 8_800 || len(at) > 9_200 {
			t.Errorf("%d of 10000 packets arrived with a loss of a tenth", len(at))
		}
	})
}
