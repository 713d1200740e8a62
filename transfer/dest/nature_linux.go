package dest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"ferry/transfer/tree"
)

// nature tells of the file system of handle what its type and statfs say. Trusted:
// syncfs on handle fails if anything could not be written since handle was opened,
// from Linux 5.8 on. Doubtful: it is not known to keep all metadata that it takes.
// Longest is how many bytes a name has there at most, 0 if that is not known.
func nature(handle *os.File) (trusted, doubtful bool, longest int64) {
	defer runtime.KeepAlive(handle)
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(handle.Fd()), &st); err != nil {
		return false, true, 0
	}
	longest = int64(st.Namelen)
	switch uint32(st.Type) { // int32 on some processors
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC,
		unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return kernelSince(5, 8), false, longest
	case unix.OVERLAYFS_SUPER_MAGIC, unix.RAMFS_MAGIC, zfsMagic, bcachefsMagic:
		return false, false, longest
	}
	return false, true, longest
}

// refusesSigns reports whether the file system of handle is one that refuses names with
// signs that Windows refuses, however it is mounted.
func refusesSigns(handle *os.File) bool {
	defer runtime.KeepAlive(handle)
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(handle.Fd()), &st); err != nil {
		return false
	}
	return uint32(st.Type) == unix.MSDOS_SUPER_MAGIC || uint32(st.Type) == unix.EXFAT_SUPER_MAGIC
}

// Types that package unix has no names for.
const (
	zfsMagic      = 0x2fc12fc1
	bcachefsMagic = 0xca451a4e
)

func kernelSince(major, minor int) bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}
	have := [2]int{}
	part := 0
	for _, c := range u.Release {
		switch {
		case c >= '0' && c <= '9' && have[part] < 1<<20:
			have[part] = have[part]*10 + int(c-'0')
			continue
		case c == '.' && part == 0:
			part++
			continue
		}
		break
	}
	return have[0] > major || have[0] == major && have[1] >= minor
}

// canSyncVolume: syncVolume does something, trusted or not.
const canSyncVolume = true

func syncVolume(handle *os.File) error {
	defer runtime.KeepAlive(handle)
	for {
		if err := unix.Syncfs(int(handle.Fd())); err != unix.EINTR {
			return os.NewSyscallError("syncfs", err)
		}
	}
}

// mountOf tells mounts of one file system apart, which rename and link do not
// cross (STATX_MNT_ID, Linux 5.8); 0 if the kernel does not say.
func mountOf(folder *os.File) uint64 {
	if runtime.GOOS == "android" {
		return 0 // before Android 11 this call ends a process
	}
	defer runtime.KeepAlive(folder)
	var st unix.Statx_t
	err := unix.Statx(int(folder.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st)
	if err != nil || st.Mask&unix.STATX_MNT_ID == 0 {
		return 0
	}
	return st.Mnt_id
}

// canLinkUnnamed: naming a file that has no name goes through /proc.
func canLinkUnnamed() bool {
	_, err := os.Stat("/proc/self/fd")
	return err == nil
}

// foldsCase reports whether d is a folder in which ext4, f2fs or tmpfs, which tell
// case apart otherwise, do not (FS_CASEFOLD_FL, linux/fs.h). So is a folder made in
// it.
func foldsCase(d *tree.Dir) bool {
	handle, err := d.Handle()
	if err != nil {
		return false
	}
	defer handle.Close() // read only
	defer runtime.KeepAlive(handle)
	const casefold = 0x40000000
	flags, err := unix.IoctlGetUint32(int(handle.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&casefold != 0
}
