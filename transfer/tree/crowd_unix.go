//go:build linux || darwin

package tree

import (
	"time"

	"golang.org/x/sys/unix"
)

// reserved are the descriptors that a process needs beside its files: standard
// streams, the runtime's, connections, a list, and folders that stay open.
const reserved = 20

// leastOpen is what a delivery gets along with, slowly.
const leastOpen = 8

// MayOpen is how many files and folders a delivery may have open, in all.
func MayOpen() int {
	n, ok := OpenLimit()
	if !ok {
		return 256
	}
	return max(n-reserved, leastOpen)
}

// OpenLimit is how many descriptors this process may have, a million at most. ok is
// false where that is not known.
func OpenLimit() (n int, ok bool) {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return int(min(limit.Cur, 1<<20)), err == nil
}

// FewOpen is not nil where a delivery may open too few files to get along with.
func FewOpen() error {
	if n, ok := OpenLimit(); !ok || n >= reserved+leastOpen {
		return nil
	}
	return unix.EMFILE
}

const (
	// crowdLimit is how long an open waits for others of this process to close
	// files, while it has as many open as it may. They close one after a chunk, or a
	// batch of small files.
	crowdLimit = 5 * time.Second
	// crowdPause is the longest time between two tries.
	crowdPause = 20 * time.Millisecond
)

// crowded repeats an open that found too many files open, for as long as it may
// take the others to close some.
func crowded(open func() (int, error)) (fd int, err error) {
	end := time.Now().Add(crowdLimit)
	for pause := time.Millisecond; ; pause = min(2*pause, crowdPause) {
		time.Sleep(pause)
		if fd, err = open(); err != unix.EMFILE && err != unix.ENFILE || time.Now().After(end) {
			return fd, err
		}
	}
}
