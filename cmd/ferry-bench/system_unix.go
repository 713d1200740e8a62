//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// peakOf is the peak memory in bytes of an ended process and of those it waited
// for, whichever was larger. On Linux it is no less than what this program used
// when it started that process: exec carries the old figure over.
func peakOf(p *os.ProcessState) int64 { return peakBytes(p.SysUsage().(*syscall.Rusage)) }

// ownPeak is the peak memory of this program in bytes.
func ownPeak() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // cannot fail with these arguments
	return peakBytes(&usage)
}

func peakBytes(usage *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10
}

// group makes cmd the head of a process group, so that what it starts can be
// ended with it.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// end asks a process and what it started to end, or makes them end if hard is true.
func end(p *os.Process, hard bool) error {
	s := syscall.SIGTERM
	if hard {
		s = syscall.SIGKILL
	}
	err := syscall.Kill(-p.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// settle has what earlier runs left in memory written, so that the next one
// does not pay for it.
func settle() { syscall.Sync() }

// arrived is how many bytes of a file are there: not the holes of one that got
// its size first, nor what is only reserved behind its end.
func arrived(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return min(info.Size(), int64(s.Blocks)*512)
	}
	return info.Size()
}
