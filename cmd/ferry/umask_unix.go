//go:build unix

package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// umask is the umask of the process. Linux shows it in a file. Elsewhere the only call
// that returns it also sets another one, for all threads. So umask has to be called
// before there is a second goroutine.
func umask() uint32 {
	if mask, ok := toldUmask(); ok {
		return mask
	}
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return uint32(mask) & 0o777
}

// toldUmask reads Linux's /proc/self/status.
func toldUmask() (uint32, bool) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, false
	}
	defer f.Close() // read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "Umask:"); found {
			mask, err := strconv.ParseUint(strings.TrimSpace(text), 8, 32)
			return uint32(mask) & 0o777, err == nil
		}
	}
	return 0, false
}
