package main

import (
	"io"

	"golang.org/x/sys/windows"
)

// silence keeps a console from showing what is typed. back makes it as it was.
func silence(in io.Reader) (back func(), err error) {
	if pair, ok := in.(consolePair); ok {
		in = pair.consoleInput
	}
	console, ok := in.(consoleInput)
	if !ok {
		return nil, windows.ERROR_NOT_SUPPORTED
	}
	handle := windows.Handle(console.file.Fd())
	var was uint32
	if err := windows.GetConsoleMode(handle, &was); err != nil {
		return nil, err
	}
	back = func() { _ = windows.SetConsoleMode(handle, was) }
	return back, windows.SetConsoleMode(handle, was&^windows.ENABLE_ECHO_INPUT)
}
