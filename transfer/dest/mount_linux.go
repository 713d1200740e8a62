package dest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// mountOf tells mounts of one file system apart, which rename and link do not
// cross (STATX_MNT_ID, Linux 5.8); 0 if the kernel does not say.
func mountOf(folder *os.File) uint64 {
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
