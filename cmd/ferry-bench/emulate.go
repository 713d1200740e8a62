package main

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// longestQueue is how long a packet may wait for its turn on an emulated link
	// before it is dropped: the buffer of a usual router.
	longestQueue = 100 * time.Millisecond
	// inFlight bounds the packets between the ends: 48 MiB of full ones, which a
	// gigabit link with a queue has under way at a round trip of half a second.
	inFlight   = 1 << 15
	packetSize = 1500 // bytes, the most that the devices give
)

type packet struct {
	due  time.Time
	n    int
	data *[packetSize]byte
}

// carry moves packets from one end of l to the other until reading fails, which
// is when the end is closed. Packets are as Read gives them and Write takes them.
func (l link) carry(from io.Reader, to io.Writer, random *rand.Rand) {
	waiting := make(chan packet, inFlight)
	pool := sync.Pool{New: func() any { return new([packetSize]byte) }}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(waiting)
	wg.Go(func() {
		for p := range waiting {
			if d := time.Until(p.due); d > 0 {
				time.Sleep(d)
			}
			_, _ = to.Write(p.data[:p.n]) // a closed end loses what is under way, as a network does
			pool.Put(p.data)
		}
	})

	var free time.Time // when the link will have sent all that it took
	buf := pool.Get().(*[packetSize]byte)
	for {
		n, err := from.Read(buf[:])
		if err != nil {
			return
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if random.Float64() < l.loss || free.Sub(now) > longestQueue {
			continue
		}
		free = free.Add(time.Duration(float64(n) * 8 / float64(l.rate) * float64(time.Second)))
		select {
		case waiting <- packet{free.Add(l.rtt / 2), n, buf}:
			buf = pool.Get().(*[packetSize]byte)
		default:
		}
	}
}
