//go:build faults && linux

package faults

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// slow lets things take long. Slow is not dead: a side that still says what it
// does is waited for, far beyond the time after which silence counts as death.
// Silence for good ends both sides.
func slow(f *family) {
	for _, c := range []struct{ name, where, calls string }{
		{"disk_stalls_in_sync", "receiver", "fsync,syncfs"},
		{"disk_stalls_in_write", "receiver", "pwrite64"},
		{"disk_stalls_in_rename", "receiver", "renameat,renameat2"},
		{"disk_stalls_in_read", "sender", "pread64"},
		{"folder_stalls", "sender", "getdents64"},
	} {
		f.aside(c.name, func(r *round) { stalledDisk(r, c.where, c.calls) })
	}
	for _, victim := range []string{"receiver", "sender"} {
		f.aside("stopped_and_continued_"+victim, func(r *round) { stopAndContinue(r, victim == "receiver") })
		f.aside("stopped_for_good_"+victim, func(r *round) { stopForGood(r, victim == "receiver") })
	}
	f.aside("a_kilobyte_a_second", kilobyte)
	f.aside("input_pauses", inputPauses)
	f.aside("output_pauses", outputPauses)
	for _, way := range []way{forth, back} {
		f.aside(fmt.Sprint("silence_one_way_", way), func(r *round) { silence(r, way) })
	}
	f.aside("silence_both_ways", func(r *round) { silence(r, forth, back) })
}

const (
	// silenceLimit is the least that ferry takes for --timeout.
	silenceLimit = 10 * time.Second
	// longStall is beyond that. strace counts by thread: each that makes the call
	// stalls once, and they may do so one after the other.
	longStall = 13 * time.Second
	// soonEnough is how long after the limit a side may still run: it says
	// goodbye, closes what it has open, and this machine may be busy.
	soonEnough = silenceLimit + 20*time.Second
)

func impatient() side { return side{flags: []string{"--timeout", silenceLimit.String()}} }

// lost reports whether the link broke on the way.
func (e ending) lost() bool {
	return slices.ContainsFunc(e.all, func(t told) bool { return t.Type == "lost" })
}

// unharmed checks a delivery that had to succeed in one piece, with no loss of
// the link.
func (d *delivery) unharmed(recv, send ending) {
	d.r.Helper()
	d.check(recv, send)
	if recv.exit != 0 || send.exit != 0 {
		d.r.Errorf("it was only slow: %v, %v", recv, send)
	}
	if recv.lost() || send.lost() {
		d.r.Errorf("the link was given up though both sides lived: %v, %v", recv, send)
	}
}

func stalledDisk(r *round, where, calls string) {
	t := r.trace()
	d := r.delivery(little())
	d.recv, d.send = impatient(), impatient()
	wrapper := t.inject(calls, fmt.Sprintf("delay_enter=%d:when=1", longStall.Microseconds()))
	if where == "receiver" {
		d.recv.wrapper = wrapper
	} else {
		d.send.wrapper = wrapper
	}
	recv, send := d.run()
	t.happened()
	d.unharmed(recv, send)
}

// stopAndContinue stops a process for less than the default limit, in which both
// sides must not take each other for dead.
func stopAndContinue(r *round, receiver bool) {
	d := r.delivery(ample())
	resumed := make(chan struct{})
	ready := make(chan struct{})
	var recv, send *process
	d.gate = r.gate(&fault{forth, 8 * mib, then(func() {
		<-ready
		victim := send
		if receiver {
			victim = recv
		}
		victim.signal(syscall.SIGSTOP)
		time.AfterFunc(longStall, func() { victim.signal(syscall.SIGCONT); close(resumed) })
	})})
	recv, send = d.start()
	close(ready)
	e, s := d.finish(recv, send)
	<-resumed
	d.unharmed(e, s)
}

// stopForGood stops a process that never goes on: the other ends in time.
func stopForGood(r *round, receiver bool) {
	d := r.delivery(ample())
	d.recv, d.send = impatient(), impatient()
	ready := make(chan struct{})
	var recv, send *process
	d.gate = r.gate(&fault{forth, 8 * mib, then(func() {
		<-ready
		if receiver {
			recv.signal(syscall.SIGSTOP)
		} else {
			send.signal(syscall.SIGSTOP)
		}
	})})
	recv, send = d.start()
	close(ready)
	stopped, other := send, recv
	if receiver {
		stopped, other = recv, send
	}
	e := other.within(soonEnough)
	if e.exit != 3 {
		r.Errorf("want exit code 3: %v", e)
	}
	stopped.kill()
	d.check(e, stopped.wait())
	d.converge()
}

// kilobyte: once the two have met, a KiB a second passes. All there is to send
// takes longer than silence may.
func kilobyte(r *round) {
	d := r.delivery(size{small: 4})
	d.recv, d.send = impatient(), impatient()
	d.gate = r.gate(&fault{forth, 8 * kib, slowTo(kib)})
	// So small that it is there before the pace is felt would prove nothing.
	write(r, filepath.Join(d.source, "more"), content(r.Rand, 16*kib), 0o644)
	d.sent = scan(r, d.source)
	recv, send := d.run()
	d.unharmed(recv, send)
}

// silence lets nothing through any more: both sides end in time.
func silence(r *round, ways ...way) {
	d := r.delivery(ample())
	d.recv, d.send = impatient(), impatient()
	d.gate = r.gate(&fault{forth, 8 * mib, swallow(ways...)})
	recv, send := d.start()
	e, s := recv.within(2*soonEnough), send.within(2*soonEnough)
	d.check(e, s)
	if e.exit != 3 || s.exit != 3 {
		r.Errorf("want exit code 3: %v, %v", e, s)
	}
	d.converge()
}

// halting gives out its bytes with a pause in the middle, or takes them so.
type halting struct {
	r     *round
	left  []byte
	after int
	taken bytes.Buffer
	done  bool
}

func (h *halting) pause() {
	if !h.done {
		h.done = true
		h.r.hit()
		<-time.After(longStall)
	}
}

func (h *halting) Read(b []byte) (int, error) {
	if len(h.left) <= h.after {
		h.pause()
	}
	if len(h.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, h.left)
	h.left = h.left[n:]
	return n, nil
}

func (h *halting) Write(b []byte) (int, error) {
	if h.taken.Len() > h.after {
		h.pause()
	}
	return h.taken.Write(b)
}

// inputPauses: what is read from standard input comes from a program that takes
// its time.
func inputPauses(r *round) {
	sent := content(r.Rand, 3*mib)
	out := r.folder("out")
	recv := r.run(impatient(), "receive", "--yes", "--out", out, "--listen", "127.0.0.1:0")
	s := impatient()
	s.stdin = &halting{r: r, left: sent, after: mib}
	send := r.run(s, "send", "-", "--name", "stream", "--to", recv.address())
	e, f := recv.wait(), send.wait()
	got := scan(r, out)["stream"]
	if e.exit != 0 || f.exit != 0 || e.lost() || f.lost() || got.size != int64(len(sent)) {
		r.Errorf("it was only slow: %v, %v, %d bytes", e, f, got.size)
	}
}

// outputPauses: what goes to standard output is taken by a program that takes its
// time.
func outputPauses(r *round) {
	source := filepath.Join(r.folder("from"), "file")
	sent := content(r.Rand, 24*mib)
	write(r, source, sent, 0o644)
	h := &halting{r: r, after: 4 * mib}
	rs := impatient()
	rs.stdout = h
	recv := r.run(rs, "receive", "--yes", "--out", "-", "--listen", "127.0.0.1:0")
	send := r.run(impatient(), "send", source, "--to", recv.address())
	e, f := recv.wait(), send.wait()
	if e.exit != 0 || f.exit != 0 || e.lost() || f.lost() || !bytes.Equal(h.taken.Bytes(), sent) {
		r.Errorf("it was only slow: %v, %v, %d bytes", e, f, h.taken.Len())
	}
}
