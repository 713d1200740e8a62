package streams

import (
	"testing"
	"time"

	"ferry/transfer/link"
)

// road is a path as the policy sees it: what each stream gets of it, and how long
// its packets wait.
type road struct {
	trip, queue time.Duration
	blind       bool    // the system tells nothing
	lossy       bool    // packets are lost all the time
	held        float64 // share of the time that buffers of the other side limit a stream
	heldHere    float64 // the same of this side
	deepens     bool    // the system gives deeper buffers
	idle        bool    // the writers wait for the source
	bounded     int64   // bytes to be sent in all; 0 is no bound
	resists     bool    // the system lets losses be resisted
	rate        func(streams int) float64
}

// drive runs the policy for limit over r, and returns how many streams it asked
// for, in order, and whether it wanted to resist losses.
func drive(r road, most int, limit time.Duration) (asked []int, resisted, deepened bool) {
	b := NewBreadth(1, most, 2)
	streams, sent := 1, 0.0
	var paths []link.Path
	for at := time.Duration(0); at < limit && !b.Done(); at += Tick {
		for len(paths) < streams {
			paths = append(paths, link.Path{})
		}
		rate := r.rate(streams)
		sent += rate * Tick.Seconds()
		for i := range paths {
			p := &paths[i]
			p.MinRTT = r.trip
			if r.blind {
				continue
			}
			p.Known, p.RTT = true, r.trip+r.queue
			p.Arrived += uint64(rate * Tick.Seconds() / float64(streams))
			here := time.Duration(r.heldHere * float64(Tick))
			p.HeldHere += here
			p.Held += here + time.Duration(r.held*float64(Tick))
			if r.lossy && at > 0 {
				p.Resent++
			}
		}
		look := Look{At: at, Paths: paths, Left: -1, Sending: streams}
		if r.idle {
			look.Sending = 0
		}
		if r.bounded > 0 {
			look.Left = max(0, r.bounded-int64(sent))
		}
		c := b.Next(look)
		if c.Resist {
			resisted = true
			b.resisted(r.resists)
		}
		if c.Deepen {
			deepened = true
			if r.deepens {
				r.heldHere = 0
			} else {
				c = b.shallow(look)
			}
		}
		if c.Streams > 0 {
			asked = append(asked, c.Streams)
			streams = c.Streams
		}
	}
	return asked, resisted, deepened
}

func TestBreadth(t *testing.T) {
	const ms = time.Millisecond
	fixed := func(rate float64) func(int) float64 { return func(int) float64 { return rate } }
	each := func(rate float64) func(int) float64 {
		return func(n int) float64 { return float64(n) * rate }
	}
	for name, c := range map[string]struct {
		road   road
		most   int
		want   []int
		resist bool
		deepen bool
	}{
		"loopback":                                      {road{trip: ms / 20, rate: fixed(1e9), lossy: true, held: 1}, 16, nil, false, false},
		"a path that is full":                           {road{trip: 80 * ms, queue: 40 * ms, rate: fixed(25e6), held: 1}, 16, nil, false, false},
		"full, and packets are lost":                    {road{trip: 80 * ms, queue: 40 * ms, rate: fixed(25e6), lossy: true}, 16, nil, true, false},
		"a source that is slower":                       {road{trip: 80 * ms, rate: fixed(1e6), idle: true, held: 1}, 16, nil, false, false},
		"a long path":                                   {road{trip: 200 * ms, queue: 30 * ms, rate: fixed(25e6)}, 16, []int{2}, false, false},
		"a long path for one stream":                    {road{trip: 200 * ms, queue: 30 * ms, rate: fixed(25e6)}, 1, nil, false, false},
		"a long path, and little to send":               {road{trip: 200 * ms, rate: fixed(25e6), bounded: 1 << 20}, 16, nil, false, false},
		"buffers too small":                             {road{trip: 80 * ms, rate: each(1e6), held: 0.6}, 16, []int{2, 4, 8, 16}, false, false},
		"own buffers too small":                         {road{trip: 80 * ms, rate: each(1e6), heldHere: 0.6}, 16, []int{2, 4, 8, 16}, false, true},
		"own buffers too small, of 3":                   {road{trip: 80 * ms, rate: each(1e6), heldHere: 0.6}, 3, []int{2, 3}, false, true},
		"own buffers too small, and more bring nothing": {road{trip: 80 * ms, rate: fixed(1e6), heldHere: 0.6}, 16, []int{2}, false, true},
		"own buffers that get deeper":                   {road{trip: 80 * ms, rate: each(1e6), heldHere: 0.9, deepens: true}, 16, nil, false, true},
		"own buffers of one stream":                     {road{trip: 80 * ms, rate: each(1e6), heldHere: 0.9, deepens: true}, 1, nil, false, true},
		"own buffers fill, and the path is full":        {road{trip: 80 * ms, queue: 40 * ms, rate: fixed(25e6), heldHere: 1}, 16, nil, false, false},
		"own buffers fill, and little to send":          {road{trip: 80 * ms, rate: each(1e6), heldHere: 1, bounded: 1 << 20}, 16, nil, false, false},
		"buffers too small, of 3":                       {road{trip: 80 * ms, rate: each(1e6), held: 0.6}, 3, []int{2, 3}, false, false},
		"losses that nobody resists":                    {road{trip: 80 * ms, rate: each(1e6), lossy: true}, 16, []int{8, 16}, true, false},
		"losses, and more streams bring nothing":        {road{trip: 80 * ms, rate: fixed(1e6), lossy: true}, 16, []int{8, 16}, true, false},
		"losses, and little to send":                    {road{trip: 80 * ms, rate: each(1e6), lossy: true, bounded: 1 << 20}, 16, nil, true, false},
		"losses that are resisted":                      {road{trip: 80 * ms, rate: each(6e6), lossy: true, resists: true}, 16, []int{2, 4, 8, 16}, true, true},
		"losses that are resisted, and it is full":      {road{trip: 80 * ms, queue: 20 * ms, rate: fixed(25e6), lossy: true, resists: true}, 16, nil, true, false},
		"a system that tells nothing":                   {road{trip: 80 * ms, blind: true, rate: fixed(1e6)}, 16, []int{blindStreams}, false, false},
		"the same, and little to send":                  {road{trip: 80 * ms, blind: true, rate: fixed(1e6), bounded: 1 << 20}, 16, nil, false, false},
		"the same, near":                                {road{trip: 5 * ms, blind: true, rate: fixed(1e6)}, 16, nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked, resisted, deepened := drive(c.road, c.most, time.Minute)
			if len(asked) != len(c.want) || resisted != c.resist || deepened != c.deepen {
				t.Fatalf("asked for %v, resisting %v, deepening %v; want %v, %v, %v", asked, resisted, deepened, c.want, c.resist, c.deepen)
			}
			for i := range asked {
				if asked[i] != c.want[i] {
					t.Errorf("asked for %v, want %v", asked, c.want)
				}
			}
		})
	}
}

// Streams that were opened early are not asked for again, and more than they are if
// buffers are too small for them too.
func TestBreadthBeginsWithTwo(t *testing.T) {
	b := NewBreadth(2, 16, 2)
	path := link.Path{Known: true, MinRTT: 99 * time.Millisecond, RTT: 99 * time.Millisecond}
	paths := []link.Path{path, path}
	for at := Tick; at < 10*time.Second; at += Tick {
		for i := range paths {
			paths[i].Arrived += 100_000
			paths[i].Held += Tick * 6 / 10
		}
		if c := b.Next(Look{At: at, Paths: paths, Left: -1, Sending: 2}); c.Streams > 0 {
			if c.Streams != 4 {
				t.Errorf("%d streams after two", c.Streams)
			}
			return
		}
	}
	t.Error("nothing was asked for")
}

// What came before the first look says nothing about the rate: buffers that are too
// small are seen at once, also where there is not much left to be sent.
func TestBreadthFirstLook(t *testing.T) {
	b := NewBreadth(1, 16, 2)
	path := link.Path{Known: true, MinRTT: 80 * time.Millisecond, RTT: 80 * time.Millisecond, Arrived: 80_000}
	at := 40 * time.Nanosecond
	for range 12 {
		if b.Next(Look{At: at, Paths: []link.Path{path}, Left: 100 << 20, Sending: 1}).Deepen {
			return
		}
		at += Tick
		path.Arrived += 1_000_000
		path.HeldHere += Tick * 6 / 10
	}
	t.Error("buffers that held a stream up for half a second were not made deeper")
}

// Streams that were asked for and do not come are no reason for more, and a new
// connection, whose counters begin again, is none either.
func TestBreadthWaitsForItsStreams(t *testing.T) {
	b := NewBreadth(1, 16, 2)
	path := link.Path{Known: true, MinRTT: 80 * time.Millisecond, RTT: 80 * time.Millisecond}
	var asked int
	for at := time.Duration(0); at < time.Minute; at += Tick {
		path.Arrived += 50e3
		path.Held += Tick
		if at == 30*time.Second {
			path.Arrived, path.Held = 0, 0
		}
		c := b.Next(Look{At: at, Paths: []link.Path{path}, Left: -1, Sending: 1})
		if c.Streams > 0 {
			asked++
		}
		lost := link.Path{MinRTT: 80 * time.Millisecond} // for a moment, the link is
		if c := b.Next(Look{At: at, Paths: []link.Path{lost}, Left: -1}); c.Streams > 0 || b.Done() {
			t.Fatalf("a lost link: asked for %d, done: %v", c.Streams, b.Done())
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}

// A loss that is over, and losses at once that are made good together, open no
// streams for ever: they are no sign of a path that loses packets.
func TestBreadthForgetsLosses(t *testing.T) {
	const trip = 40 * time.Millisecond
	for name, lossy := range map[string][]int{"one": {20}, "two of one recovery": {20, 21}} {
		t.Run(name, func(t *testing.T) {
			b := NewBreadth(1, 16, 2)
			streams := 1
			var paths []link.Path
			for k := range 1200 {
				for len(paths) < streams {
					paths = append(paths, link.Path{Known: true, MinRTT: trip, RTT: trip + 2*time.Millisecond})
				}
				for i := range paths {
					paths[i].Arrived += uint64(25e6 * Tick.Seconds() / float64(streams))
				}
				for _, at := range lossy {
					if k == at {
						paths[0].Resent++
					}
				}
				c := b.Next(Look{At: time.Duration(k) * Tick, Paths: paths, Left: -1, Sending: streams})
				if c.Resist {
					b.resisted(false)
				}
				streams = max(streams, c.Streams)
			}
			if streams > 4 {
				t.Errorf("%d streams", streams)
			}
		})
	}
}

// Buffers are made deeper also where no stream may be added, and while one that
// was asked for does not come.
func TestBreadthDeepens(t *testing.T) {
	for name, c := range map[string]struct {
		trip  time.Duration
		most  int
		lossy bool
	}{
		"one stream that loses packets":    {80 * time.Millisecond, 1, true},
		"a second stream that never comes": {200 * time.Millisecond, 16, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBreadth(1, c.most, 2)
			p := link.Path{Known: true, MinRTT: c.trip, RTT: c.trip}
			deepened := false
			for k := range 200 {
				p.Arrived += 1e5
				p.Held += Tick
				p.HeldHere += Tick
				if c.lossy {
					p.Resent++
				}
				got := b.Next(Look{At: time.Duration(k) * Tick, Paths: []link.Path{p}, Left: -1, Sending: 1})
				if got.Resist {
					b.resisted(true)
				}
				deepened = deepened || got.Deepen
			}
			if !deepened {
				t.Error("the buffers stay as they are")
			}
		})
	}
}

// A look or two at a near path are no reason for anything.
func TestBreadthTakesItsTime(t *testing.T) {
	b := NewBreadth(1, 16, 2)
	const trip = 5 * time.Millisecond
	p := link.Path{Known: true, MinRTT: trip, RTT: trip}
	for k := range 40 {
		p.Arrived += 1e6
		if k == 5 || k == 20 {
			held := Tick * 45 / 100
			p.Held, p.HeldHere = p.Held+held, p.HeldHere+held
		}
		if c := b.Next(Look{At: time.Duration(k) * Tick, Paths: []link.Path{p}, Left: 9 << 20, Sending: 1}); c != (Change{}) {
			t.Fatalf("look %d: %+v", k, c)
		}
	}
}

// A short path has as many streams as the cores can fill, and no more. A small delivery
// has one, until more is found.
func TestBreadthOfAShortPath(t *testing.T) {
	for _, c := range []struct {
		cores, most int
		left        int64
		want        int
	}{
		{1, 16, -1, 0}, {2, 16, -1, 0}, {4, 16, -1, 2}, {4, 16, localBytes, 2}, {4, 16, localBytes - 1, 0},
		{16, 16, -1, 8}, {64, 16, -1, 8}, {64, 3, -1, 3}, {64, 1, -1, 0},
	} {
		b := NewBreadth(1, c.most, c.cores)
		got := b.Next(Look{Paths: []link.Path{{Known: true, MinRTT: localPath / 2}}, Left: c.left})
		if got != (Change{Streams: c.want}) || b.Done() != (c.want > 0 || c.cores < 4 || c.most == 1) {
			t.Errorf("%+v: %+v, done: %t", c, got, b.Done())
		}
	}
}
