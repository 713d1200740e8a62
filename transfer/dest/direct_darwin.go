package dest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// setDirect makes reads not fill the page cache, which lets the kernel drop
// what is there; it reports whether that was taken.
func setDirect(file *os.File, on bool) bool {
	defer runtime.KeepAlive(file)
	value := 0
	if on {
		value = 1
	}
	_, err := unix.FcntlInt(file.Fd(), unix.F_NOCACHE, value)
	return err == nil
}
