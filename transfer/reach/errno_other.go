//go:build !windows

package reach

import "syscall"

var (
	refusedNumbers     = []syscall.Errno{syscall.ECONNREFUSED}
	noHostNumbers      = []syscall.Errno{syscall.EHOSTUNREACH, syscall.EHOSTDOWN}
	unreachableNumbers = []syscall.Errno{syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL}
	timeoutNumbers     = []syscall.Errno{syscall.ETIMEDOUT}
	hungUpNumbers      = []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE}

	takenNumbers     = []syscall.Errno{syscall.EADDRINUSE}
	forbiddenNumbers = []syscall.Errno{syscall.EACCES}
	strangeNumbers   = []syscall.Errno{syscall.EADDRNOTAVAIL}
)
