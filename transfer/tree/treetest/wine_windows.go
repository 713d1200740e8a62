package treetest

import "syscall"

// Wine reports whether this is Wine and not Windows.
func Wine() bool { return syscall.NewLazyDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil }
