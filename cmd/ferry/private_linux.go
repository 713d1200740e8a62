package main

import "golang.org/x/sys/unix"

// keepPrivate has the system dump no memory of this process, and let no other
// process of the same user read it: the code and the keys are there. Root still can.
// Its own folder in /proc is root's then, but open to itself. Where it cannot be had
// nothing is lost but that.
func keepPrivate() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
