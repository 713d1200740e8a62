//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakOf is the peak memory in bytes of an ended process and of those it waited
// for, whichever was larger. On Linux it is no less than what this program used
// when it started that process: exec carries the old figure over.
func peakOf(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return peakBytes(usage)
}

// ownPeak is the peak memory of this program in bytes.
func ownPeak() int64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return peakBytes(&usage)
}

func peakBytes(usage *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10
}

// terminate asks a process to end.
func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// settle has what earlier runs left in memory written, so that the next one
// does not pay for it.
func settle() { syscall.Sync() }
