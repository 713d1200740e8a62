//go:build unix

package tree

import (
	"time"

	"golang.org/x/sys/unix"
)

// reserved is how many descriptors a process needs beside its files: for standard
// streams, the runtime, connections, a list, and folders that stay open.
const reserved = 20

// leastOpen is how many open files a delivery needs at least. With so few it is slow.
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
// false where the limit is not known.
func OpenLimit() (n int, ok bool) {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return int(min(limit.Cur, 1<<20)), err == nil
}

const (
	// crowdLimit is how long an open waits for other goroutines to close files, while
	// this process has as many open as it may. They close a file after a chunk, or after
	// a batch of small files.
	crowdLimit = 5 * time.Second
	// crowdPause is the longest time between two tries.
	crowdPause = 20 * time.Millisecond
)

// crowded repeats an open that found too many files open, until other goroutines have
// closed some or crowdLimit is over.
func crowded(open func() (int, error)) (fd int, err error) {
	end := time.Now().Add(crowdLimit)
	for pause := time.Millisecond; ; pause = min(2*pause, crowdPause) {
		time.Sleep(pause)
		if fd, err = open(); err != unix.EMFILE && err != unix.ENFILE || time.Now().After(end) {
			return fd, err
		}
	}
}
