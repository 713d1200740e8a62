//go:build unix

package main

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// unusable says why f, a standard descriptor, is unusable: it was closed when the process
// was started, or it is open in the other direction only. how is os.O_RDONLY or
// os.O_WRONLY.
//
// In the place of a closed descriptor the Go runtime has opened /dev/null for reading and
// writing. A shell, systemd and most libraries open /dev/null in one direction. Those that
// open it in both, as daemon(3) does, use one open file for all three descriptors, which
// the runtime does not. One case is taken for a closed descriptor by mistake: a parent
// that opens /dev/null in both directions for this descriptor alone.
func unusable(f *os.File, info os.FileInfo, how int) error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return errClosed
	}
	switch mode := flags & unix.O_ACCMODE; {
	case mode == unix.O_RDONLY && how == os.O_WRONLY:
		return errors.New("is open for reading only")
	case mode == unix.O_WRONLY && how == os.O_RDONLY:
		return errors.New("is open for writing only")
	case mode != unix.O_RDWR:
		return nil
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(info, null) || sharesOpenFile(f, flags) {
		return nil
	}
	return errClosed
}

// sharesOpenFile reports whether another standard descriptor is the same open file of
// /dev/null as f, whose flags are given. For an instant it changes a flag of f that has
// no effect on /dev/null, and looks whether the flag of the other changes too.
func sharesOpenFile(f *os.File, flags int) bool {
	appends := func(of *os.File) int {
		now, err := unix.FcntlInt(of.Fd(), unix.F_GETFL, 0)
		if err != nil {
			return -1
		}
		return now & unix.O_APPEND
	}
	others := slices.DeleteFunc([]*os.File{os.Stdin, os.Stdout, os.Stderr}, func(o *os.File) bool { return o.Fd() == f.Fd() })
	before := []int{appends(others[0]), appends(others[1])}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, flags^unix.O_APPEND); err != nil {
		return false
	}
	after := []int{appends(others[0]), appends(others[1])}
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags) // back to what it was
	return !slices.Equal(before, after)
}
