//go:build unix && !linux

package main

import (
	"io"

	"golang.org/x/sys/unix"
)

// What reads and sets the modes of a terminal.
const (
	getModes = unix.TIOCGETA
	setModes = unix.TIOCSETA
)

// discardInput throws away what was typed at a terminal and not read yet.
func discardInput(r io.Reader) {
	const input = 1 // FREAD of sys/file.h: what was typed, and not what is to be shown
	onDescriptor(r, func(fd uintptr) {
		// This fails for anything but a terminal, where nothing was typed.
		_ = unix.IoctlSetPointerInt(int(fd), unix.TIOCFLUSH, input)
	})
}
