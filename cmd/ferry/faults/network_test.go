//go:build faults && linux

package faults

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// network loses, delays and alters what is between two sides that live. Both end
// with 0 in the same run, with the link joined again where it was lost.
func network(f *family) {
	for _, c := range []struct {
		name string
		do   func(r *round) func(*pair, []byte)
	}{
		{"reset", func(*round) func(*pair, []byte) { return cutHard }},
		{"closed", func(*round) func(*pair, []byte) { return cutSoft }},
		{"bit_flipped", func(r *round) func(*pair, []byte) { return flip(uint(r.IntN(8))) }},
	} {
		for _, way := range []way{forth, back} {
			for i := range 4 * f.c.rounds {
				f.play(fmt.Sprintf("%s_%s_%d", c.name, way, i), func(r *round) { mended(r, way, c.do(r), 1+r.IntN(3)) })
			}
		}
	}
	for i := range 2 * f.c.rounds {
		f.play(fmt.Sprintf("reset_every_2_MiB_%d", i), resetOften)
		f.play(fmt.Sprintf("before_the_proof_%d", i), func(r *round) { beforeProof(r, cutHard) })
		f.play(fmt.Sprintf("bit_flipped_before_the_proof_%d", i), func(r *round) { beforeProof(r, flip(uint(r.IntN(8)))) })
		f.play(fmt.Sprintf("reset_of_a_stream_%d", i), resetOfInput)
	}
	f.aside("nothing_passes_for_a_while", stalls)
	f.aside("away_for_a_while", away)
	f.aside("away_for_too_long", awayTooLong)
	for _, ways := range [][]way{{forth}, {back}, {forth, back}} {
		f.aside(fmt.Sprint("one_connection_swallowed_", ways), func(r *round) { swallowed(r, ways) })
	}
	for i := range 3 * f.c.rounds {
		f.play(fmt.Sprintf("receiver_started_again_%d", i), func(r *round) { startedAgain(r, true) })
		f.play(fmt.Sprintf("sender_started_again_%d", i), func(r *round) { startedAgain(r, false) })
	}
	interfaces(f)
}

func (w way) String() string { return [...]string{"forth", "back"}[w] }

// afterProof is what the handshake takes at most. The receiver's way back carries
// little after that.
const afterProof = 4 * kib

// mending is how long a lost link may take to be mended here.
const mending = "60s"

// through checks that a delivery ended well in the run in which its link was
// lost, and that what it lost was not more than what was under way.
func (d *delivery) through(recv, send ending) {
	d.r.Helper()
	d.check(recv, send)
	if recv.exit != 0 || send.exit != 0 {
		d.r.Errorf("the link could have been mended: %v\n%s%v\n%s", recv, recv.failures(), send, send.failures())
		return
	}
	if !d.r.struck.Load() {
		return
	}
	rejoined := func(e ending) bool {
		return slices.ContainsFunc(e.all, func(t told) bool { return t.Type == "rejoined" })
	}
	// The listener may hear of the new connection before it misses the old one.
	if recv.lost() && !rejoined(recv) || send.lost() && !rejoined(send) {
		d.r.Errorf("a link was lost and not joined again: %v, %v", recv, send)
	}
	total := d.sent.bytes()
	if extra := send.result.Moved - total; extra > 0 {
		d.r.Errorf("%d bytes were moved twice as content", extra)
	}
}

func mended(r *round, w way, do func(*pair, []byte), times int) {
	d := r.delivery(ample())
	d.retry = mending
	most := d.sent.bytes()
	if w == back {
		most = 2 * kib
	}
	var faults []*fault
	for range times {
		faults = append(faults, &fault{w, afterProof + r.Int64N(most), do})
	}
	d.gate = r.gate(faults...)
	recv, send := d.run()
	d.through(recv, send)
}

func resetOften(r *round) {
	d := r.delivery(ample())
	d.retry = mending
	var faults []*fault
	for at := int64(afterProof); at < d.sent.bytes(); at += 2*mib + r.Int64N(mib) {
		faults = append(faults, &fault{forth, at, cutHard})
	}
	d.gate = r.gate(faults...)
	recv, send := d.run()
	d.through(recv, send)
}

// beforeProof: an exchange that breaks is made anew, while the code lasts.
func beforeProof(r *round, do func(*pair, []byte)) {
	d := r.delivery(little())
	d.retry = mending
	at := &fault{forth, r.Int64N(2 * kib), do}
	if r.IntN(2) == 0 {
		at.way = back
	}
	d.gate = r.gate(at)
	recv, send := d.run()
	d.check(recv, send)
	// A side that is through with the proof before the other joins again, or
	// begins anew: that is its own affair.
	if recv.exit != 0 || send.exit != 0 {
		r.Errorf("the link could have been made: %v, %v", recv, send)
	}
}

// resetOfInput: what cannot be read again goes on all the same.
func resetOfInput(r *round) {
	sent := content(r.Rand, 12*mib)
	out := r.folder("out")
	g := r.gate(&fault{forth, afterProof + r.Int64N(10*mib), cutHard}, &fault{back, afterProof + r.Int64N(2*kib), cutHard})
	recv := r.run(side{}, "receive", "--yes", "--out", out, "--listen", "127.0.0.1:0", "--retry-for", mending)
	g.lead(recv.address())
	send := r.run(side{stdin: &halting{r: r, left: sent, done: true}}, "send", "-", "--name", "stream", "--to", g.address(), "--retry-for", mending)
	s, e := send.wait(), recv.wait()
	want := scan(r, out)["stream"]
	if e.exit != 0 || s.exit != 0 || want.size != int64(len(sent)) || want.sum != sumOf(sent) {
		r.Errorf("a stream did not survive: %v, %v, %d bytes", e, s, want.size)
	}
}

// stalls: what was sent arrives late, and nobody takes the other for dead.
func stalls(r *round) {
	d := r.delivery(ample())
	d.gate = r.gate(&fault{forth, 10 * mib, pause(longStall)})
	recv, send := d.run()
	d.unharmed(recv, send)
}

// away: nothing gets through for a while, and nobody can dial.
func away(r *round) {
	d := r.delivery(ample())
	d.retry = mending
	const pause = 8 * time.Second
	var open sync.Once
	var g *gate
	g = r.gate(&fault{forth, 10 * mib, func(p *pair, _ []byte) {
		g.refuse(true)
		p.end(true)
		open.Do(func() { time.AfterFunc(pause, func() { g.refuse(false) }) })
	}})
	d.gate = g
	recv, send := d.run()
	d.through(recv, send)
}

// awayTooLong: when the time is over both sides end, and the next run goes on.
func awayTooLong(r *round) {
	d := r.delivery(ample())
	d.retry = "5s"
	var g *gate
	g = r.gate(&fault{forth, 24 * mib, func(p *pair, _ []byte) { g.refuse(true); p.end(true) }})
	d.gate = g
	recv, send := d.start()
	e, s := recv.within(soonEnough), send.within(soonEnough)
	d.check(e, s)
	if e.exit != 3 || s.exit != 3 {
		r.Errorf("want exit code 3: %v, %v", e, s)
	}
	have := d.have()
	if last := d.converge(); have < mib || last.result.Moved > d.sent.bytes()-have+notJournalled {
		r.Errorf("%d bytes were there, and %d were moved", have, last.result.Moved)
	}
}

// swallowed: a connection goes silent, in which new ones still get through.
func swallowed(r *round, ways []way) {
	d := r.delivery(ample())
	d.retry = mending
	d.recv, d.send = impatient(), impatient()
	d.gate = r.gate(&fault{forth, 10 * mib, swallow(ways...)})
	recv, send := d.run()
	d.through(recv, send)
	if !recv.lost() && !send.lost() {
		r.Errorf("the silence was not noticed: %v, %v", recv, send)
	}
}

// startedAgain: one side dies and is started again at its place; the other has
// waited and goes on with it.
func startedAgain(r *round, receiver bool) {
	d := r.delivery(ample())
	d.died = true
	d.retry = mending
	ready, dead := make(chan struct{}), make(chan struct{})
	var recv, send *process
	g := r.gate(&fault{forth, 8*mib + r.Int64N(24*mib), then(func() {
		<-ready
		if receiver {
			recv.kill()
		} else {
			send.kill()
		}
		close(dead)
	})})
	d.gate = g
	recv, send = d.start()
	close(ready)
	<-dead
	if receiver {
		<-recv.ended
		recv = d.receive(recv.address())
	} else {
		<-send.ended
		send = d.sendTo(g.address())
	}
	s, e := send.wait(), recv.wait()
	d.check(e, s)
	if e.exit != 0 || s.exit != 0 {
		r.Errorf("want 0 at the side that waited and at the new one: %v, %v", e, s)
	}
	if total := d.sent.bytes(); !receiver && s.result.Moved > total {
		r.Errorf("nothing of what was there was used: %d bytes moved of %d", s.result.Moved, total)
	}
}
