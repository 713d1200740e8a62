package main

import (
	"io"

	"golang.org/x/sys/windows"
)

// discardInput throws away what was typed at a console and not read yet.
func discardInput(r io.Reader) {
	onDescriptor(r, func(fd uintptr) {
		// This fails for anything but a console, where nothing was typed.
		_ = windows.FlushConsoleInputBuffer(windows.Handle(fd))
	})
}
