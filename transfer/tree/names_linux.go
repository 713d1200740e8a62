package tree

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// errDirent is about a record that the kernel never makes; a broken FUSE file system might.
var errDirent = errors.New("malformed directory entry")

// read goes through the folder's own handle the first time. sshfs does not take a
// handle back to its start: once something in the folder was renamed it finds no name
// behind it, and then tells every process, for 20 s, that the folder is empty. So a
// further look goes through a handle of its own.
func (l *lister) read(own handle) (names []DirName, err error) {
	h := int(own)
	if l.listed {
		if h, err = unix.Openat(h, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return nil, err
		}
		defer unix.Close(h) // read only
	}
	l.listed = true
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(h, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return names, nil
		}
		if names, err = appendNames(names, buf[:n]); err != nil {
			return nil, err
		}
	}
}

// appendNames parses struct linux_dirent64 (getdents(2)):
// 8 B inode | 8 B offset | 2 B record length | 1 B type | name | NUL and padding
func appendNames(names []DirName, b []byte) ([]DirName, error) {
	const header = 19
	for len(b) > 0 {
		if len(b) < header {
			return nil, errDirent
		}
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size < header || size > len(b) {
			return nil, errDirent
		}
		name, _, terminated := bytes.Cut(b[header:size], []byte{0})
		if !terminated {
			return nil, errDirent
		}
		kind := b[18]
		b = b[size:]
		if s := string(name); s != "." && s != ".." {
			names = append(names, DirName{s, kindOfType(kind)})
		}
	}
	return names, nil
}

func kindOfType(t byte) Kind {
	switch t {
	case unix.DT_REG:
		return File
	case unix.DT_DIR:
		return Folder
	case unix.DT_LNK:
		return Symlink
	case unix.DT_FIFO, unix.DT_SOCK, unix.DT_CHR, unix.DT_BLK:
		return KindOther
	}
	return 0
}
