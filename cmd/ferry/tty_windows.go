package main

import (
	"errors"
	"io"
	"os"
	"syscall"

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
	return consolePair{in, out}, nil
}

type consolePair struct{ in, out *os.File }

func (c consolePair) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c consolePair) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c consolePair) Close() error                { return errors.Join(c.in.Close(), c.out.Close()) }

// SyscallConn is that of the input.
func (c consolePair) SyscallConn() (syscall.RawConn, error) { return c.in.SyscallConn() }
