package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// network is where the two sides of a run are: both in this machine's own
// network, or at the two ends of an emulated link.
type network struct {
	title     string
	near, far []string // what comes before a command line, to run it on that side
	address   string   // of the far side, where servers listen
	origin    string   // address that connections from the near side come from
	link      link
	carried   atomic.Int64 // bytes that the two sides gave to the link, of packets
	close     func() error
}

func loopback() *network {
	return &network{title: "loopback", address: "127.0.0.1", origin: "127.0.0.1", close: func() error { return nil }}
}

// link is an emulated link, the same in both directions. The zero value is none.
type link struct {
	rtt  time.Duration
	rate int64   // bits a second
	loss float64 // of packets, 0 to 1
}

// allLinks are what `-link all` stands for: none, a campus, a home line, and a
// lossy path across an ocean.
const allLinks = "loopback,2ms:1gbit,30ms:100mbit,80ms:200mbit:0.1%"

// parseLinks reads a list as of -link. A zero link stands for loopback.
func parseLinks(list string) (links []link, err error) {
	if list == "all" {
		list = allLinks
	}
	for _, s := range strings.Split(list, ",") {
		var l link
		if s != "loopback" {
			if l, err = parseLink(s); err != nil {
				return nil, err
			}
		}
		links = append(links, l)
	}
	return links, nil
}

func parseLink(s string) (link, error) {
	f := strings.Split(s, ":")
	if len(f) == 2 {
		f = append(f, "0%")
	}
	if len(f) == 3 {
		rtt, err := time.ParseDuration(f[0])
		rate, rated := quantity(f[1], map[string]float64{"kbit": 1e3, "mbit": 1e6, "gbit": 1e9}, 64e3, 10e9)
		loss, lost := quantity(f[2], map[string]float64{"%": 0.01}, 0, 0.5)
		if err == nil && rtt >= 0 && rtt <= 10*time.Second && rated && lost {
			return link{rtt, int64(rate), loss}, nil
		}
	}
	return link{}, fmt.Errorf("-link %q is not loopback, nor RTT:RATE or RTT:RATE:LOSS as in 80ms:200mbit:0.1%%, up to 10s, from 64kbit to 10gbit, up to 50%%", s)
}

// quantity reads a number with a unit, within bounds.
func quantity(s string, units map[string]float64, least, most float64) (float64, bool) {
	for unit, factor := range units {
		if number, ok := strings.CutSuffix(s, unit); ok {
			v, err := strconv.ParseFloat(number, 64)
			return v * factor, err == nil && v*factor >= least && v*factor <= most
		}
	}
	return 0, false
}

func (l link) String() string {
	if l == (link{}) {
		return "loopback"
	}
	return fmt.Sprintf("%v round trip, %g Mbit/s, %g %% loss", l.rtt, float64(l.rate)/1e6, 100*l.loss)
}

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
	data []byte
}

// carry moves packets from one end of l to the other until reading fails, which
// is when the end is closed. Packets are as Read gives them and Write takes them. The bytes of all that from gave are
// added to carried.
func (l link) carry(from io.Reader, to io.Writer, carried *atomic.Int64, random *rand.Rand) {
	waiting := make(chan packet, inFlight)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(waiting)
	wg.Go(func() {
		for p := range waiting {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.data) // a closed end loses what is under way, as a network does
		}
	})

	var free time.Time // when the link will have sent all that it took
	buf := make([]byte, packetSize)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		carried.Add(int64(n))
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if random.Float64() < l.loss || free.Sub(now) > longestQueue {
			continue
		}
		free = free.Add(time.Duration(float64(n) * 8 / float64(l.rate) * float64(time.Second)))
		select {
		case waiting <- packet{free.Add(l.rtt / 2), bytes.Clone(buf[:n])}:
		default:
		}
	}
}
