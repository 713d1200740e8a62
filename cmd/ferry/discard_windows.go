package main

import (
	"io"

	"golang.org/x/sys/windows"
)

// discardInput throws away what was typed at a console and not read yet.
func discardInput(r io.Reader) {
	onDescriptor(r, func(fd uintptr) {
		// What is no console has nothing typed, and refuses.
		_ = windows.FlushConsoleInputBuffer(windows.Handle(fd))
	})
}
