package reach

import "syscall"

// Of Winsock, which package syscall names for other systems only ("Windows Sockets Error
// Codes"), and the numbers of other systems, which packages here use too.
var (
	refusedNumbers     = []syscall.Errno{10061, syscall.ECONNREFUSED}
	noHostNumbers      = []syscall.Errno{10065, 10064, syscall.EHOSTUNREACH, syscall.EHOSTDOWN}
	unreachableNumbers = []syscall.Errno{10051, 10050, 10049, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL}
	timeoutNumbers     = []syscall.Errno{10060, syscall.ETIMEDOUT}
	hungUpNumbers      = []syscall.Errno{10054, 10053, syscall.ECONNRESET, syscall.EPIPE}

	takenNumbers     = []syscall.Errno{10048, syscall.EADDRINUSE}
	forbiddenNumbers = []syscall.Errno{10013, syscall.EACCES}
	strangeNumbers   = []syscall.Errno{10049, syscall.EADDRNOTAVAIL}
)
