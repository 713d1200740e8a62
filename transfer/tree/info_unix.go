//go:build unix

package tree

import (
	"os"

	"golang.org/x/sys/unix"
)

func fstatat(fd int, name string) (Info, error) {
	return statAt(fd, name, unix.AT_SYMLINK_NOFOLLOW)
}

// statPath returns what the user's own path is, or what it leads to.
func statPath(path string, follow bool) (Info, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	info, err := statAt(unix.AT_FDCWD, path, flags)
	if err != nil {
		return Info{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return info, nil
}

// infoOf converts st, whose field types differ by system and processor.
func infoOf(st *unix.Stat_t) Info {
	info := Info{
		Kind:  KindOther,
		Mode:  uint32(st.Mode) & 0o7777,
		Size:  st.Size,
		MTime: timeOfSpec(st.Mtim),
		CTime: timeOfSpec(st.Ctim),
		Dev:   uint64(st.Dev),
		Ino:   st.Ino,
		Nlink: uint64(st.Nlink),
		UID:   st.Uid,
		GID:   st.Gid,
		// The unit of st_blocks, whatever the file system's.
		Allocated: int64(st.Blocks) * 512,
	}
	switch uint32(st.Mode) & unix.S_IFMT {
	case unix.S_IFREG:
		info.Kind = File
	case unix.S_IFDIR:
		info.Kind = Folder
	case unix.S_IFLNK:
		info.Kind = Symlink
	case unix.S_IFIFO:
		info.Special = FIFO
	case unix.S_IFSOCK:
		info.Special = Socket
	case unix.S_IFCHR:
		info.Special = CharDevice
	case unix.S_IFBLK:
		info.Special = BlockDevice
	}
	if info.Special == CharDevice || info.Special == BlockDevice {
		info.Major, info.Minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	}
	return info
}

func timeOfSpec(ts unix.Timespec) Time {
	sec, nsec := ts.Unix()
	return Time{Sec: sec, Nsec: uint32(nsec)}
}
