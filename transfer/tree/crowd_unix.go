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
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 256
	}
	return max(int(min(limit.Cur, 1<<20))-reserved, leastOpen)
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
