package main

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// dumb has a console take control sequences, and reports whether it does not. One of before
// Windows 10 shows them as text.
func dumb(f *os.File) bool {
	console := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) != nil {
		return true
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) != nil
}

// input is standard input.
func input() io.Reader {
	var mode uint32
	if windows.GetConsoleMode(windows.Handle(os.Stdin.Fd()), &mode) != nil {
		return os.Stdin
	}
	return consoleInput{os.Stdin}
}

// interruptTime is how long an interrupt may take to come after the end of a read.
const interruptTime = 300 * time.Millisecond

// consoleInput is what is typed at a console. Ctrl-C ends a read there as the end of the
// input does, and comes as a signal as well, from another thread. Whoever took it for the
// end would send half a message, or decline an offer.
type consoleInput struct{ file *os.File }

// Read lets the signal come first, which Ctrl-Z has none of.
func (c consoleInput) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	if n == 0 && err == io.EOF {
		time.Sleep(interruptTime)
	}
	return n, err
}

func (c consoleInput) SyscallConn() (syscall.RawConn, error) { return c.file.SyscallConn() }

// openTTY opens the console, whose input and output have names of their own on Windows.
func openTTY() (io.ReadWriteCloser, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return consolePair{consoleInput{in}, out}, nil
}

// consolePair is a console as what a terminal is elsewhere.
type consolePair struct {
	consoleInput
	out *os.File
}

func (c consolePair) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c consolePair) Close() error                { return errors.Join(c.file.Close(), c.out.Close()) }
