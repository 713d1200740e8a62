package tree

import "golang.org/x/sys/unix"

// fullSync tries what fcntl(2) has, the strongest first. A barrier only keeps later writes
// behind earlier ones, which is still more than fsync does.
func fullSync(fd int) error {
	command := func(cmd int) func() error {
		return func() error {
			_, err := unix.FcntlInt(uintptr(fd), cmd, 0)
			return err
		}
	}
	return firstTaken(command(unix.F_FULLFSYNC), command(unix.F_BARRIERFSYNC), func() error { return unix.Fsync(fd) })
}
