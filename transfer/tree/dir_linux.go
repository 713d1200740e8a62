package tree

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// MayWrite fails with fs.ErrPermission if this process may not put names into d, and with
// EROFS if nobody may. It returns nil where the system does not say: Linux before 5.8
// cannot, and a sandbox that does not know the call says EPERM. Android ends a process for
// the call.
func (d *Dir) MayWrite() error {
	if runtime.GOOS == "android" {
		return nil
	}
	return d.at("write to", "", func(h handle) error {
		err := unix.Faccessat2(int(h), "", unix.W_OK|unix.X_OK, unix.AT_EACCESS|unix.AT_EMPTY_PATH)
		if err != unix.EACCES && err != unix.EROFS {
			return nil
		}
		return err
	})
}
