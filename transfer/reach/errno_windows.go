package reach

import "syscall"

// Of Winsock, which package syscall names for other systems only.
var (
	refusedNumbers     = []syscall.Errno{10061}                             // WSAECONNREFUSED
	unreachableNumbers = []syscall.Errno{10051, 10065, 10050, 10064, 10049} // as on other systems
	timeoutNumbers     = []syscall.Errno{10060}                             // WSAETIMEDOUT
)
