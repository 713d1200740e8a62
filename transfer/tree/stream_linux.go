package tree

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openStream opens a FIFO, device or socket that the user named.
func openStream(ctx context.Context, d *Dir, name string, follow bool) (*os.File, Info, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd := -1
	if err := d.at("open", name, func(h handle) (err error) { fd, err = openat(int(h), name, flags, 0); return err }); err != nil {
		return nil, Info{}, err
	}
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		unix.Close(fd)
		return nil, Info{}, d.fail("stat", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		// Few devices can be polled. A read of any other has to wait.
		if err := unix.SetNonblock(fd, false); err != nil {
			unix.Close(fd)
			return nil, Info{}, d.fail("open", name, err)
		}
		return os.NewFile(uintptr(fd), d.join(name)), infoOf(&st), nil
	}
	f := os.NewFile(uintptr(fd), d.join(name)) // non-blocking, so with the poller
	if err := awaitWriter(ctx, f); err != nil {
		f.Close()
		return nil, Info{}, d.fail("open", name, err)
	}
	return f, infoOf(&st), nil
}

// awaitWriter waits until the FIFO f has data, or had a writer that closed it. A
// non-blocking open does not wait, and a read before the first writer would look like the
// end. The kernel reports a hang-up only once there was a writer: pipe_poll in fs/pipe.c
// compares the count of writers with the count at the open.
func awaitWriter(ctx context.Context, f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = f.SetReadDeadline(time.Unix(1, 0)) // fails on no FIFO
		close(interrupted)
	})
	defer func() {
		if !stop() {
			<-interrupted
		}
	}()
	var pollErr error
	err = conn.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(fds, 0)
			if err == unix.EINTR {
				continue
			}
			pollErr = err
			return err != nil || n > 0
		}
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	return pollErr
}
