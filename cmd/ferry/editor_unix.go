//go:build unix

package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// rawMode lets a terminal hand over each key, and not show it. Signals are made of keys as
// before, for all of the programs that a shell started with ferry, and what is written
// there still begins new lines. back makes it as it was.
func rawMode(in io.Reader, _ io.Writer) (back func(), err error) {
	err = syscall.ENOTTY
	onDescriptor(in, func(fd uintptr) {
		var was *term.State
		if was, err = term.MakeRaw(int(fd)); err != nil {
			return
		}
		back = func() { onDescriptor(in, func(fd uintptr) { _ = term.Restore(int(fd), was) }) }
		var raw *unix.Termios
		if raw, err = unix.IoctlGetTermios(int(fd), getModes); err == nil {
			raw.Lflag |= unix.ISIG
			raw.Oflag |= unix.OPOST
			err = unix.IoctlSetTermios(int(fd), setModes, raw)
		}
		if err != nil {
			_ = term.Restore(int(fd), was)
		}
	})
	return back, err
}

// editorSignals returns the signals that matter while a terminal is raw, and what ends
// their coming. A process that must not be stopped, as under nohup, is left so.
func editorSignals() (<-chan os.Signal, func()) {
	caught := make(chan os.Signal, 4) // one of each, and one more
	signal.Notify(caught, syscall.SIGWINCH)
	for _, sig := range []os.Signal{syscall.SIGTSTP, syscall.SIGQUIT} {
		if !signal.Ignored(sig) {
			signal.Notify(caught, sig)
		}
	}
	return caught, func() { signal.Stop(caught) }
}

// handOn lets a signal do what it does to other programs, with the terminal as leave
// makes it: stop this one until it is continued, or end it. It returns true after a stop.
func handOn(sig os.Signal, leave func()) bool {
	switch sig {
	case syscall.SIGTSTP:
		on := make(chan os.Signal, 1)
		signal.Notify(on, syscall.SIGCONT)
		defer signal.Stop(on)
		leave()
		if syscall.Kill(os.Getpid(), syscall.SIGSTOP) == nil {
			<-on
		}
		return true
	case syscall.SIGQUIT:
		leave()
		signal.Reset(syscall.SIGQUIT)
		if syscall.Kill(os.Getpid(), syscall.SIGQUIT) == nil {
			select {} // that ends the process
		}
	}
	return false
}
