//go:build unix

package checksum

import (
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// openPath is os.OpenFile for a path of any length: the system takes PathMax bytes at
// once. A longer one is opened in steps, each relative to the folder before it.
func openPath(path string, flags int) (*os.File, error) {
	if len(path) < unix.PathMax {
		return os.OpenFile(path, flags, 0)
	}
	at, rest := unix.AT_FDCWD, path
	fail := func(err error) (*os.File, error) {
		if at != unix.AT_FDCWD {
			_ = unix.Close(at) // a folder, passed through only
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	for {
		step, how := rest, flags
		if len(rest) >= unix.PathMax {
			cut := strings.LastIndexByte(rest[:unix.PathMax-1], '/')
			if cut <= 0 {
				return fail(unix.ENAMETOOLONG)
			}
			step, how = rest[:cut], unix.O_RDONLY|unix.O_DIRECTORY
		}
		fd, err := unix.Openat(at, step, how|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fail(err)
		}
		if at != unix.AT_FDCWD {
			_ = unix.Close(at) // likewise
		}
		if at = fd; len(step) == len(rest) {
			return os.NewFile(uintptr(fd), path), nil
		}
		rest = strings.TrimLeft(rest[len(step):], "/")
	}
}

// readFolder is os.ReadDir for a path of any length.
func readFolder(path string) ([]fs.DirEntry, error) {
	if len(path) < unix.PathMax {
		return os.ReadDir(path)
	}
	f, err := openPath(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// statPath is os.Stat for a path of any length.
func statPath(path string) (fs.FileInfo, error) {
	if len(path) < unix.PathMax {
		return os.Stat(path)
	}
	f, err := openPath(path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	return f.Stat()
}
