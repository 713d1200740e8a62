//go:build unix

package main

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// silence keeps a terminal from showing what is typed, but for the end of the line. back
// makes it as it was.
func silence(in io.Reader) (back func(), err error) {
	err = syscall.ENOTTY
	onDescriptor(in, func(fd uintptr) {
		var was *unix.Termios
		if was, err = unix.IoctlGetTermios(int(fd), getModes); err != nil {
			return
		}
		mute := *was
		mute.Lflag &^= unix.ECHO
		mute.Lflag |= unix.ECHONL
		err = unix.IoctlSetTermios(int(fd), setModes, &mute)
		back = func() {
			onDescriptor(in, func(fd uintptr) { _ = unix.IoctlSetTermios(int(fd), setModes, was) })
		}
	})
	return back, err
}
