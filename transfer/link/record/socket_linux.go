package record

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// rawSocket is a socket of TCP. Its two halves belong to one goroutine each.
type rawSocket struct {
	conn *net.TCPConn
	raw  syscall.RawConn
}

// rawOf returns the socket of c, nil if c is none of TCP.
func rawOf(c net.Conn) *rawSocket {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	return &rawSocket{t, raw}
}

func (s *rawSocket) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	var errno syscall.Errno
	err = s.raw.Read(func(fd uintptr) bool {
		n, errno = call(syscall.SYS_READ, fd, p)
		return errno != syscall.EAGAIN
	})
	switch {
	case err != nil:
	case errno != 0:
		n, err = 0, os.NewSyscallError("read", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, errorOf("read", s.conn, err)
}

func (s *rawSocket) Write(p []byte) (done int, err error) {
	var errno syscall.Errno
	err = s.raw.Write(func(fd uintptr) bool {
		for done < len(p) {
			var n int
			if n, errno = call(syscall.SYS_WRITE, fd, p[done:]); errno != 0 {
				return errno != syscall.EAGAIN
			}
			done += n
		}
		return true
	})
	if err == nil && done < len(p) {
		err = os.NewSyscallError("write", errno)
	}
	return done, errorOf("write", s.conn, err)
}

// call reads or writes p, which is not empty, and repeats what a signal interrupted.
func call(number, fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
