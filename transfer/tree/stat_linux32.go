//go:build linux && !android && (386 || arm || mips || mipsle)

package tree

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The times of struct stat and struct timespec end in 2038 on these processors, and stat
// cuts off what is beyond it. statx (Linux 4.11) and utimensat_time64 (5.1) do not. Where
// the kernel is older, or a sandbox knows neither call, the old ones serve.

// timespec is struct __kernel_timespec: a time in 64 bits.
type timespec struct{ Sec, Nsec int64 }

// spec converts t: all of them can be said.
func (t Time) spec() (timespec, error) { return timespec{t.Sec, int64(t.Nsec)}, nil }

// old converts s for the old calls. UTIME_OMIT is the same for both.
func (s timespec) old() (unix.Timespec, error) {
	if int64(int32(s.Sec)) != s.Sec {
		return unix.Timespec{}, unix.ERANGE
	}
	return unix.Timespec{Sec: int32(s.Sec), Nsec: int32(s.Nsec)}, nil
}

// unknown reports that the kernel or a sandbox does not know a call.
func unknown(err error) bool { return err == unix.ENOSYS || err == unix.EPERM }

func fstat(fd int) (Info, error) {
	info, _, err := statx(fd, "", unix.AT_EMPTY_PATH)
	if !unknown(err) {
		return info, err
	}
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func statAt(fd int, name string, flags int) (Info, error) {
	info, _, err := statx(fd, name, flags)
	if !unknown(err) {
		return info, err
	}
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(fd, name, &st, flags) }); err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

// statx asks for what fstatat tells, and mounts nothing either. It returns the atime too.
func statx(fd int, name string, flags int) (Info, timespec, error) {
	var st unix.Statx_t
	err := retry(func() error {
		return unix.Statx(fd, name, flags|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	})
	if err != nil {
		return Info{}, timespec{}, err
	}
	info := infoOf(&unix.Stat_t{Mode: uint32(st.Mode), Uid: st.Uid, Gid: st.Gid})
	info.Size = int64(st.Size)
	info.MTime, info.CTime = timeOfStatx(st.Mtime), timeOfStatx(st.Ctime)
	info.Dev, info.Ino, info.Nlink = unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino, uint64(st.Nlink)
	info.Allocated = int64(st.Blocks) * 512
	if info.Special == CharDevice || info.Special == BlockDevice {
		info.Major, info.Minor = st.Rdev_major, st.Rdev_minor
	}
	return info, timespec{st.Atime.Sec, int64(st.Atime.Nsec)}, nil
}

func timeOfStatx(t unix.StatxTimestamp) Time { return Time{Sec: t.Sec, Nsec: t.Nsec} }

func atimeNow(fd int) (timespec, error) { return atimeAt(fd, "", unix.AT_EMPTY_PATH) }

// atimeAt is the atime of name at fd.
func atimeAt(fd int, name string, flags int) (timespec, error) {
	_, atime, err := statx(fd, name, flags)
	if !unknown(err) {
		return atime, err
	}
	var st unix.Stat_t
	if name == "" {
		err = unix.Fstat(fd, &st)
	} else {
		err = unix.Fstatat(fd, name, &st, flags)
	}
	return timespec{int64(st.Atim.Sec), int64(st.Atim.Nsec)}, err
}

// utimes sets the atime and mtime of what fd has open: utimensat with no path.
func utimes(fd int, atime, mtime timespec) error { return utimensat(fd, nil, atime, mtime, 0) }

// utimesAt sets the atime and mtime of name at fd.
func utimesAt(fd int, name string, atime, mtime timespec, flags int) error {
	path, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	return utimensat(fd, path, atime, mtime, flags)
}

func utimensat(fd int, path *byte, atime, mtime timespec, flags int) error {
	ts := [2]timespec{atime, mtime}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT_TIME64, uintptr(fd), uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&ts)), uintptr(flags), 0, 0)
	if errno == unix.ENOSYS {
		var old [2]unix.Timespec
		for i, t := range ts {
			var err error
			if old[i], err = t.old(); err != nil {
				return err
			}
		}
		_, _, errno = unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), uintptr(unsafe.Pointer(path)),
			uintptr(unsafe.Pointer(&old)), uintptr(flags), 0, 0)
	}
	runtime.KeepAlive(path)
	if errno != 0 {
		return errno
	}
	return nil
}
