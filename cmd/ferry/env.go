package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"ferry/cmd/ferry/confine"
)

// Env is all that a command takes from the process around it. Tests pass
// buffers; main passes the real ones.
type Env struct {
	Args   []string // Args[0] is the program as it was called
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	// Confine takes away the rights that the process no longer needs; nil takes none.
	Confine func(confine.Set) (confine.Kept, error)
	// Signals says how long the command may go on after a signal; nil: nobody ends it.
	Signals *signalWatch
	// Umask is the umask of the process, in the bits 0777.
	Umask uint32

	// Why a stream is unusable, as when it was closed; nil if it is usable.
	StdinErr, StdoutErr, StderrErr error

	// StdoutFile is the file that Stdout is, nil if it is something else.
	StdoutFile os.FileInfo

	// Which of the three streams are terminals.
	StdinTTY, StdoutTTY, StderrTTY bool
	// Dumb and DumbOut say that the terminals at Stderr and Stdout take no control sequences.
	Dumb, DumbOut bool
	// Width is the number of columns of the terminal at Stderr, asked anew for
	// each line since windows are resized; 0 when unknown.
	Width func() int
	// Modes is how a terminal is to be left that is in use; nil: nobody needs to know.
	Modes *modes
	// OpenTTY opens the controlling terminal, for a prompt while standard input
	// carries the data.
	OpenTTY func() (io.ReadWriteCloser, error)
}

// osEnv is the Env of a real process. It has to be called before any file is made:
// reading the umask can mean changing it for a moment.
func osEnv() *Env {
	isTTY := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	file, err := os.Stdout.Stat()
	if err != nil || !file.Mode().IsRegular() {
		file = nil
	}
	return &Env{
		StdoutFile: file,
		Args:       os.Args, Stdin: input(), Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Umask: umask(), Confine: confine.Apply,
		StdinErr: unreadable(os.Stdin), StdoutErr: unwritable(os.Stdout), StderrErr: unwritable(os.Stderr),
		StdinTTY: isTTY(os.Stdin), StdoutTTY: isTTY(os.Stdout), StderrTTY: isTTY(os.Stderr), Dumb: dumb(os.Stderr), DumbOut: dumb(os.Stdout),
		Width: func() int {
			w, _, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil {
				return 0
			}
			return w
		},
		OpenTTY: openTTY, Modes: &modes{},
	}
}

// interactive reports whether a person can be asked: the question is seen and
// the answer can be typed.
func (e *Env) interactive() bool { return e.StdinTTY && e.StderrTTY }

// columns is the width of the terminal, 0 where it is not known.
func (e *Env) columns() int {
	if e.Width == nil {
		return 0
	}
	return e.Width()
}

// redraws reports whether standard error can show a line that changes.
func (e *Env) redraws() bool { return e.StderrTTY && !e.Dumb && e.Getenv("TERM") != "dumb" }

// stickyWriter remembers the first write error. Code that prints help and lists ignores
// errors; the exit code is still right. One goroutine at a time may use it.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}
