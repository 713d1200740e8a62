//go:build faults && linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// kill ends one side or both, by every signal, at counted bytes and at every
// call of a kind, again and again; what was done is not done twice.
func kill(f *family) {
	for i := range 12 * f.c.rounds {
		f.play(fmt.Sprintf("again_and_again_%d", i), killAgain)
	}
	for i := range 2 * f.c.rounds {
		f.play(fmt.Sprintf("interrupt_%d", i), func(r *round) { stopped(r, syscall.SIGINT, 130) })
		f.play(fmt.Sprintf("terminate_%d", i), func(r *round) { stopped(r, syscall.SIGTERM, 143) })
		f.play(fmt.Sprintf("other_machine_%d", i), otherMachine)
	}
	for _, c := range []struct{ where, calls string }{
		{"receiver", "pwrite64"}, {"receiver", "openat"}, {"receiver", "fsync,syncfs"}, {"receiver", "linkat,renameat,renameat2"},
		{"receiver", "unlinkat"}, {"receiver", "mkdirat"}, {"receiver", "ftruncate,fchmod,utimensat"}, {"receiver", "write"},
		{"sender", "openat"}, {"sender", "pread64"}, {"sender", "write"},
	} {
		for range f.c.rounds {
			f.sweep(c.where+"_at_"+callName(c.calls), func(r *round, when int) { killAtCall(r, c.where, c.calls, when) })
		}
	}
}

// notJournalled is what an interruption may cost, beside what was not there yet.
const notJournalled = 16 * mib

// killAgain kills and starts again, until the delivery is through.
func killAgain(r *round) {
	d := r.delivery(ample())
	d.died = true
	total := d.sent.bytes()
	for range 2 + r.IntN(3) {
		have := d.have()
		who := r.IntN(3)
		dead := make(chan struct{})
		var recv, send *process
		ready := make(chan struct{})
		d.gate = r.gate(&fault{forth, r.Int64N(max(total-have, mib)), then(func() {
			<-ready
			if who != 0 {
				recv.kill()
			}
			if who != 1 {
				send.kill()
			}
			close(dead)
		})})
		recv, send = d.start()
		close(ready)
		select {
		case <-dead:
		case <-send.ended:
		}
		e, s := d.finish(recv, send)
		d.gate.close()
		d.check(e, s)
		if s.result.Moved > total-have+notJournalled {
			r.Errorf("%d of %d bytes were there, and %d were moved", have, total, s.result.Moved)
		}
		if r.Failed() {
			return
		}
	}
	have := d.have()
	if last := d.converge(); last.result.Moved > total-have+notJournalled {
		r.Errorf("%d of %d bytes were there, and %d were moved", have, total, last.result.Moved)
	}
}

// have counts the bytes of what is sent that the receiver's disk holds: those
// under final names, and those in partials.
func (d *delivery) have() (n int64) {
	d.r.Helper()
	got := d.received()
	for path, w := range d.sent {
		if got[path].sum == w.sum {
			n += w.size
		}
	}
	for _, path := range partialsIn(d.r, d.out, ".part") {
		info, err := os.Stat(path)
		must(d.r, err)
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			n += st.Blocks * 512
		}
	}
	return n
}

// graceful is how soon a side that was asked to end is gone; ferry says 2 s, and
// this machine may be busy.
const graceful = 20 * time.Second

func stopped(r *round, sig syscall.Signal, exit int) {
	d := r.delivery(ample())
	total := d.sent.bytes()
	victim := r.IntN(2)
	var sides [2]*process
	ready := make(chan struct{})
	d.gate = r.gate(&fault{forth, mib + r.Int64N(total/2), then(func() {
		<-ready
		_ = sides[victim].cmd.Process.Signal(sig)
	})})
	sides[0], sides[1] = d.start()
	close(ready)
	e, other := sides[victim].within(graceful), sides[1-victim].wait()
	d.check(e, other)
	if !r.struck.Load() {
		return
	}
	if e.exit != exit || other.exit != 3 {
		r.Errorf("want exit codes %d and 3: %v, %v", exit, e, other)
	}
	have := d.have()
	if last := d.converge(); last.result.Moved > total-have+notJournalled {
		r.Errorf("%d of %d bytes were there, and %d were moved", have, total, last.result.Moved)
	}
}

// otherMachine: another sender with the same content goes on from what one that
// died has left.
func otherMachine(r *round) {
	d := r.delivery(ample())
	d.died = true
	var send *process
	ready := make(chan struct{})
	d.gate = r.gate(&fault{forth, 20*mib + r.Int64N(8*mib), then(func() { <-ready; send.kill() })})
	recv, s := d.start()
	send = s
	close(ready)
	e, s2 := d.finish(recv, send)
	d.check(e, s2)
	have := d.have()
	elsewhere := filepath.Join(r.folder("elsewhere"), "tree")
	r.do("cp", "-a", d.source, elsewhere)
	must(r, os.RemoveAll(d.source))
	d.source = elsewhere
	last := d.converge()
	if total := d.sent.bytes(); have < mib || last.result.Moved > total-have+notJournalled {
		r.Errorf("%d of %d bytes were there, and %d were moved", have, total, last.result.Moved)
	}
}

// killAtCall kills one side as it makes a call.
func killAtCall(r *round, where, calls string, when int) {
	t := r.trace()
	d := r.delivery(little())
	d.died = true
	wrapper := t.inject(calls, fmt.Sprint("signal=SIGKILL:when=", when))
	if where == "receiver" {
		d.recv.wrapper = wrapper
	} else {
		d.send.wrapper = wrapper
	}
	recv, send := d.run()
	t.happened()
	d.check(recv, send)
	d.converge()
}
