package main

import "golang.org/x/sys/unix"

// keepPrivate forbids core dumps of this process, and forbids other processes of the
// same user to read its memory, which holds the code and the keys. Root still can. Its
// folder in /proc belongs to root then, but the process itself can read it. Where the
// call fails the process goes on without that protection.
func keepPrivate() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
