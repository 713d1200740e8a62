//go:build faults && linux

package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// power cuts the receiver's power: at a random byte on the way, at the N-th call
// of a kind, in deliveries that were cut before, and right after exit code 0.
func power(f *family) {
	for _, kind := range []string{"ext4", "xfs"} {
		for i := range 10 * f.c.rounds {
			f.play(fmt.Sprintf("%s_after_exit_0_%d", kind, i), func(r *round) { cutAfterExit(r, kind) })
		}
		for i := range 20 * f.c.rounds {
			f.play(fmt.Sprintf("%s_on_the_way_%d", kind, i), func(r *round) { cutOnTheWay(r, kind) })
		}
		for _, call := range []string{"pwrite64,write", "fsync,fdatasync,syncfs", "linkat,renameat,renameat2", "fchmod,utimensat", "unlinkat", "mkdirat"} {
			for range f.c.rounds {
				f.sweep(fmt.Sprintf("%s_at_%s", kind, callName(call)), func(r *round, when int) { cutAtCall(r, kind, call, when) })
			}
		}
	}
}

// callName makes a list of calls fit for the name of a test.
func callName(calls string) string { return strings.ReplaceAll(calls, ",", "+") }

// onDisk is a delivery to a fresh disk, where what the test puts is safe already.
func (r *round) onDisk(kind string) (*disk, *delivery) {
	r.Helper()
	// With a long interval nothing gets to the disk that was not asked for; with
	// a short one the disk is ahead of the journal of ferry at odd moments.
	options := ""
	if kind == "ext4" {
		options = fmt.Sprint("commit=", []int{1, 5, 1000}[r.IntN(3)])
	}
	disk := r.disk(kind, options)
	d := r.deliveryTo(little(), filepath.Join(disk.path, "made", "out"))
	d.died = true
	disk.sync()
	return disk, d
}

// cutNow is what a cut leaves of two processes: both are gone.
func cutNow(r *round, disk *disk, recv, send *process) {
	r.Helper()
	must(r, disk.off())
	r.hit()
	recv.kill()
	send.kill()
	recv.wait()
	send.wait()
	disk.on()
}

func cutAfterExit(r *round, kind string) {
	disk, d := r.onDisk(kind)
	recv, send := d.start()
	s := send.wait()
	cutNow(r, disk, recv, send)
	if s.exit != 0 {
		r.Fatalf("before the cut: %v", s)
	}
	equal(r, "after a cut right after exit code 0", d.sent, d.received())
	d.tidy()
	// What is there already is made durable all the same by a second run.
	d.converge()
}

func cutOnTheWay(r *round, kind string) {
	disk, d := r.onDisk(kind)
	for range 1 + r.IntN(3) {
		off := make(chan struct{})
		var failed atomic.Pointer[error]
		at := &fault{forth, r.Int64N(d.sent.bytes() * 9 / 8), then(func() {
			if err := disk.off(); err != nil {
				failed.Store(&err)
			}
			close(off)
		})}
		if r.IntN(4) == 0 { // among the receiver's verdicts, at the end of which is its receipt
			at.way, at.at = back, r.Int64N(6000)
		}
		d.gate = r.gate(at)
		recv, send := d.start()
		select {
		case <-off:
		case <-send.ended: // perhaps before it came to that byte
		}
		recv.kill()
		send.kill()
		recv.wait()
		s := send.wait()
		d.gate.close() // a cut that has begun is over then
		select {
		case <-off:
		default:
			if s.exit != 0 {
				r.Fatalf("before the cut: %v", s)
			}
			must(r, disk.off())
			r.hit()
		}
		if err := failed.Load(); err != nil {
			r.Fatal(*err)
		}
		disk.on()
		if s.exit == 0 {
			equal(r, "after a cut behind exit code 0", d.sent, d.received())
			return
		}
		whole(r, "after a cut", d.before, d.sent, d.received())
		if r.Failed() {
			return
		}
	}
	d.converge()
	must(r, disk.off())
	disk.on()
	equal(r, "cut again after exit code 0", d.sent, d.received())
}

// cutAtCall kills the receiver as it makes a call, and lets its machine die with
// it.
func cutAtCall(r *round, kind, calls string, when int) {
	t := r.trace()
	disk, d := r.onDisk(kind)
	d.recv.wrapper = t.inject(calls, fmt.Sprint("signal=SIGKILL:when=", when))
	recv, send := d.start()
	if send == nil {
		recv.wait()
	} else {
		<-recv.ended
	}
	must(r, disk.off())
	if send != nil {
		send.kill()
	}
	hit := t.happened()
	disk.on()
	if !hit && send != nil && send.wait().exit == 0 {
		equal(r, "after a cut behind exit code 0", d.sent, d.received())
		return
	}
	whole(r, "after a cut", d.before, d.sent, d.received())
	d.converge()
	must(r, disk.off())
	disk.on()
	equal(r, "cut again after exit code 0", d.sent, d.received())
}
