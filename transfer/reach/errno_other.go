//go:build !windows

package reach

import "syscall"

var (
	refusedNumbers     = []syscall.Errno{syscall.ECONNREFUSED}
	unreachableNumbers = []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL}
	timeoutNumbers     = []syscall.Errno{syscall.ETIMEDOUT}
)
