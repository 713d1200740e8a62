//go:build faults && linux

package faults

import (
	"fmt"
	"slices"
	"strings"
)

// inject makes system calls fail: each kind of call that receiver and sender
// make, the first of them, the second, and so on until none is left, and then
// all from the first on. Files are written by pwrite64; write is for sockets, the
// output and Go's own signals to itself, without which no program of it lives.
func inject(f *family) {
	for _, c := range []struct {
		calls  string
		errors []string
	}{
		{"pwrite64", []string{"ENOSPC", "EIO"}},
		{"fsync", []string{"EIO", "ENOSPC"}},
		{"syncfs", []string{"EIO"}},
		{"fsync,syncfs,fdatasync", []string{"EIO"}},
		{"close", []string{"EIO"}},
		{"renameat,renameat2", []string{"EIO", "EXDEV"}},
		{"linkat", []string{"ENOSPC", "EPERM"}},
		{"openat", []string{"EMFILE", "EIO"}},
		{"mkdirat", []string{"EACCES", "ENOSPC"}},
		{"unlinkat", []string{"EIO"}},
		{"ftruncate", []string{"EFBIG"}},
		{"fchmod", []string{"EPERM"}},
		{"utimensat", []string{"EIO"}},
		{"symlinkat", []string{"EPERM"}},
		{"fstat,newfstatat,statx", []string{"EIO"}},
		{"getdents64", []string{"EIO"}},
		{"pread64", []string{"EIO"}},
		{"flock", []string{"ENOLCK"}},
		{"copy_file_range", []string{"EIO", "ENOSPC"}},
		{"fallocate", []string{"EOPNOTSUPP"}},
	} {
		for i := range c.errors {
			f.failing("receiver", c.calls, c.errors[i])
		}
	}
	for _, c := range []struct{ calls, errno string }{
		{"openat", "EIO"}, {"openat", "EMFILE"}, {"pread64", "EIO"}, {"read", "EIO"},
		{"fstat,newfstatat,statx", "EIO"}, {"getdents64", "EIO"}, {"close", "EIO"}, {"readlinkat", "EIO"},
	} {
		f.failing("sender", c.calls, c.errno)
	}
	for i := range 3 * f.c.rounds {
		f.play(fmt.Sprintf("poisoned_after_failed_sync_%d", i), poisoned)
	}
}

// failing sweeps one call with one error at one side.
func (f *family) failing(where, calls, errno string) {
	name := fmt.Sprintf("%s_%s_%s", where, callName(calls), errno)
	for range f.c.rounds {
		f.sweep(name, func(r *round, when int) { failCall(r, where, calls, fmt.Sprintf("error=%s:when=%d", errno, when)) })
	}
	f.play(name+"_always", func(r *round) { failCall(r, where, calls, "error="+errno) })
}

func failCall(r *round, where, calls, fault string) {
	t := r.trace()
	d := r.delivery(little())
	if where == "receiver" {
		d.recv.wrapper = t.inject(calls, fault)
	} else {
		d.send.wrapper = t.inject(calls, fault)
	}
	recv, send := d.run()
	t.happened()
	d.check(recv, send)
	if errs := t.hits(); syncFailed(errs) && (recv.exit == 0 || send.exit == 0) {
		r.Errorf("a sync failed and the exit codes are %d and %d: %q", recv.exit, send.exit, errs)
	}
	d.converge()
}

// syncFailed reports that what was synced by itself could not be: a syncfs that
// failed is followed by a sync of each file, which may tell that all is well.
func syncFailed(calls []string) bool {
	return slices.ContainsFunc(calls, func(line string) bool {
		return strings.Contains(line, "fsync(") || strings.Contains(line, "fdatasync(")
	})
}

// poisoned: after a failed sync nothing that was written before counts, in the
// next run either: the page cache lies.
func poisoned(r *round) {
	t := r.trace()
	d := r.delivery(size{large: []int{3*mib + r.IntN(mib)}})
	d.before = picture{}
	r.do("rm", "-rf", d.landed())
	d.recv.wrapper = t.inject("fsync,fdatasync,syncfs", "error=EIO")
	recv, send := d.run()
	if !t.happened() {
		r.Fatal("nothing was synced")
	}
	d.check(recv, send)
	if recv.exit != 6 || send.exit != 6 {
		r.Errorf("want exit code 6: %v, %v", recv, send)
	}
	if left := partialsIn(r, d.out, ""); len(left) != 0 {
		r.Errorf("what failed to sync was kept: %v", left)
	}
	for path, it := range d.received() {
		if it.mode.IsRegular() {
			r.Errorf("%q got its name though nothing could be synced", path)
		}
	}
	if again := d.converge(); again.result.Moved < d.sent["large0"].size || again.result.Reused != 0 {
		r.Errorf("bytes that failed to sync were used again: %v", again.result)
	}
}
