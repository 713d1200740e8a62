//go:build unix

package keys

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkPrivate refuses a private key that others can read, as ssh does. A key of another
// user may be shared with a group, which a service may belong to.
func checkPrivate(info fs.FileInfo) error {
	others := fs.FileMode(0o077)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Getuid() {
		others = 0o007
	}
	if info.Mode().Perm()&others != 0 {
		return fmt.Errorf("others can read it (mode %03o): chmod 600 makes it private", info.Mode().Perm())
	}
	return nil
}

// checkTrusted refuses what others can change, as sshd does. It may belong to root. A
// folder that all may write to is taken if only owners can replace what is in it, as in
// /tmp.
func checkTrusted(info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Getuid() {
		return fmt.Errorf("it belongs to the user %d, and neither to root nor to this one", st.Uid)
	}
	if info.Mode().Perm()&0o022 != 0 && (!info.IsDir() || info.Mode()&fs.ModeSticky == 0) {
		return fmt.Errorf("others can change it (mode %03o): chmod go-w mends that", info.Mode().Perm())
	}
	return nil
}

// patiently makes a call for a file. Here no file is in use so that others cannot have it.
func patiently(call func() error) error { return call() }

// inodeOf tells files apart that one name has had.
func inodeOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}
