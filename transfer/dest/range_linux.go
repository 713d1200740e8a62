package dest

import (
	"errors"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"ferry/transfer/tree"
)

// copyRange copies n bytes at offset at of from to the same offset of to, and
// returns how many it did; errors.ErrUnsupported asks for another way to do the
// rest.
func copyRange(to, from *os.File, at, n int64) (done int64, err error) {
	defer runtime.KeepAlive(to)
	defer runtime.KeepAlive(from)
	for done < n {
		r, w := at+done, at+done
		m, err := unix.CopyFileRange(int(from.Fd()), &r, int(to.Fd()), &w, int(n-done), 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil && (!tree.Failing(err) || err == unix.EIO && done == 0):
			// Old kernels and odd file systems refuse in many ways; what is a
			// true failure shows again in the other way.
			return done, errors.ErrUnsupported
		case err != nil:
			return done, os.NewSyscallError("copy_file_range", err)
		case m == 0:
			return done, io.ErrUnexpectedEOF
		}
		done += int64(m)
	}
	return done, nil
}

// sharesRange tells whether to can share the blocks of from: it tries with the first
// one, which to then has.
func sharesRange(to, from *os.File) bool {
	defer runtime.KeepAlive(to)
	defer runtime.KeepAlive(from)
	var st unix.Stat_t
	if unix.Fstat(int(from.Fd()), &st) != nil || st.Size < int64(st.Blksize) {
		return false
	}
	return unix.IoctlFileCloneRange(int(to.Fd()), &unix.FileCloneRange{Src_fd: int64(from.Fd()), Src_length: uint64(st.Blksize)}) == nil
}

// shareFile has to, of size bytes, share all blocks of from, which may be closed meanwhile.
// False: they are to be written. One that is shorter by now is not shared: behind its end
// to would have zeros that nobody wrote.
func shareFile(to, from *os.File, size int64) bool {
	defer runtime.KeepAlive(to)
	source, err := from.SyscallConn()
	if err != nil {
		return false
	}
	var shared bool
	closed := source.Control(func(fd uintptr) {
		var now unix.Stat_t
		shared = unix.IoctlFileClone(int(to.Fd()), int(fd)) == nil && unix.Fstat(int(fd), &now) == nil && now.Size >= size
	})
	return closed == nil && shared
}

// startWriteBack has the dirty pages of file written, and does not wait. What
// fails on the way, the sync reports.
func startWriteBack(file *os.File) {
	defer runtime.KeepAlive(file)
	_ = unix.SyncFileRange(int(file.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// punchHole makes n bytes at offset at a hole; the size stays.
func punchHole(file *os.File, at, n int64) error {
	defer runtime.KeepAlive(file)
	for {
		err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, n)
		if err != unix.EINTR {
			return os.NewSyscallError("fallocate", err)
		}
	}
}
