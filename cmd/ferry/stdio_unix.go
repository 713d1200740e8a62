//go:build unix

package main

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// unusable says why f, a standard descriptor, cannot serve: it was closed when the
// process was started, or is open the other way only. how is os.O_RDONLY or
// os.O_WRONLY.
//
// Where a descriptor was closed the Go runtime has opened /dev/null for reading and
// writing by now. </dev/null and >/dev/null of a shell, of systemd and of most
// libraries open it one way. Those that open it both ways, as daemon(3), give the
// same open file to all three descriptors, which the runtime does not. What remains
// looks like a closed one: a parent that opens /dev/null both ways for this
// descriptor alone.
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

// sharesOpenFile reports whether another of the standard descriptors is the same
// open file of /dev/null as f, whose flags are given. A flag that means nothing
// there is turned on f for an instant, and is seen to turn on the other.
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
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags) // as it was
	return !slices.Equal(before, after)
}
