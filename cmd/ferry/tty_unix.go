//go:build unix

package main

import (
	"io"
	"os"
)

// dumb reports whether a terminal takes no control sequences; TERM says more.
func dumb(*os.File) bool { return false }

func openTTY() (io.ReadWriteCloser, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }
