package main

import (
	"io"

	"golang.org/x/sys/unix"
)

// discardInput throws away what was typed at a terminal and not read yet.
func discardInput(r io.Reader) {
	onDescriptor(r, func(fd uintptr) {
		// What is no terminal has nothing typed, and refuses.
		_ = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH)
	})
}
