//go:build unix

package ssh

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Stdio makes a connection of this process's standard input and output, as sshd gives them:
// two pipes, or a socket. Nobody else may use them from then on.
func Stdio() (net.Conn, error) {
	in, err := pollable(0, "standard input")
	if err != nil {
		return nil, err
	}
	out, err := pollable(1, "standard output")
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &stdio{in: in, out: out, gone: make(chan struct{})}, nil
}

// pollable is descriptor fd as a file with deadlines. In its place /dev/null is left, so
// that closing the file closes what sshd sees, and no other file gets that number.
func pollable(fd int, name string) (*os.File, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("using "+name, err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(unix.Dup2(int(null.Fd()), fd), null.Close())
	}
	if err == nil {
		err = unix.SetNonblock(own, true)
	}
	if err != nil {
		_ = unix.Close(own)
		return nil, os.NewSyscallError("using "+name, err)
	}
	widen(own)
	return os.NewFile(uintptr(own), name), nil
}

// stdio is a connection of two files.
type stdio struct {
	in, out *os.File
	once    sync.Once
	gone    chan struct{} // closed when both are closed
}

func (s *stdio) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *stdio) Write(p []byte) (int, error) { return s.out.Write(p) }

// Close closes both.
func (s *stdio) Close() (err error) {
	s.once.Do(func() {
		err = errors.Join(s.in.Close(), s.out.Close())
		close(s.gone)
	})
	return err
}

// CloseWrite ends what the near end reads.
func (s *stdio) CloseWrite() error { return s.out.Close() }

func (s *stdio) LocalAddr() net.Addr  { return addr("ssh") }
func (s *stdio) RemoteAddr() net.Addr { return addr("ssh") }

func (s *stdio) SetDeadline(t time.Time) error {
	return errors.Join(s.in.SetDeadline(t), s.out.SetDeadline(t))
}
func (s *stdio) SetReadDeadline(t time.Time) error  { return s.in.SetReadDeadline(t) }
func (s *stdio) SetWriteDeadline(t time.Time) error { return s.out.SetWriteDeadline(t) }
