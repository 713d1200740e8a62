package dest

import (
	"runtime"

	"golang.org/x/sys/unix"

	"ferry/transfer/tree"
)

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
