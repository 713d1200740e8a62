package dest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// dropCache lets go of the pages of a synced file. It is a wish: direct reads
// do not depend on it.
func dropCache(file *os.File) {
	defer runtime.KeepAlive(file)
	_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// setDirect makes reads go past the page cache, or again through it, and
// reports whether the file system agreed. It needs no permission, unlike
// opening the file again.
func setDirect(file *os.File, on bool) bool {
	defer runtime.KeepAlive(file)
	flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	if on {
		flags |= unix.O_DIRECT
	} else {
		flags &^= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(file.Fd(), unix.F_SETFL, flags)
	return err == nil
}
