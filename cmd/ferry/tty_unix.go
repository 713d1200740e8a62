//go:build unix

package main

import (
	"io"
	"os"
)

// dumb reports whether a terminal takes no control sequences; TERM says more.
func dumb(*os.File) bool { return false }

// input is standard input.
func input() io.Reader { return os.Stdin }

func openTTY() (io.ReadWriteCloser, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }
