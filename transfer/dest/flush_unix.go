//go:build linux || darwin

package dest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// flush makes the errors known that a close would tell (network file systems
// send data on it), while the file stays open.
func flush(file *os.File) error {
	defer runtime.KeepAlive(file)
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.Close(fd)
	}
	if err != nil {
		return &os.PathError{Op: "flush", Path: file.Name(), Err: err}
	}
	return nil
}
