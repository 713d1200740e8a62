package main

import (
	"io"

	"golang.org/x/sys/unix"
)

// What reads and sets the modes of a terminal.
const (
	getModes = unix.TCGETS
	setModes = unix.TCSETS
)

// discardInput throws away what was typed at a terminal and not read yet.
func discardInput(r io.Reader) {
	onDescriptor(r, func(fd uintptr) {
		// This fails for anything but a terminal, where nothing was typed.
		_ = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH)
	})
}
