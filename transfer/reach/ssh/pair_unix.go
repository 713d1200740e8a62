//go:build unix

package ssh

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// socketPair makes a connection. The second end is for a child's standard input and output.
func socketPair() (own net.Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "ssh")
	file := os.NewFile(uintptr(fds[0]), "ssh")
	own, err = net.FileConn(file) // a copy of the descriptor
	err = errors.Join(err, file.Close())
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return own, theirs, nil
}

// shielded has a command line run with interrupts ignored. A person who types Ctrl-C
// interrupts all processes at the terminal. ferry then says goodbye over ssh, which has to
// live for that. At a prompt ferry ends ssh itself.
func shielded(args []string) []string {
	return append([]string{"/bin/sh", "-c", `trap "" INT; exec "$@"`, "sh"}, args...)
}

// ended reports that err is the end of a connection, and no failure of its own.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// ask has ssh end, which restores a terminal that it asks at. What does not is killed later.
func ask(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
