//go:build unix

package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// maxLinks bounds the links from the name of a file to the file.
const maxLinks = 40

// checkFolders checks the folder of a file and, if it is a link, those of all that the link leads
// to. Whoever may write to one of them may put another file, or another link, there.
func checkFolders(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if err := checkFolder(filepath.Dir(real)); err != nil {
		return err
	}
	for range maxLinks {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return err
		}
		if err := checkFolder(dir); err != nil {
			return err
		}
		to, err := os.Readlink(filepath.Join(dir, filepath.Base(path)))
		if err != nil {
			return nil // it is no link
		}
		if path = to; !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
	}
	return errors.New("too many links lead to it")
}

func checkFolder(dir string) error {
	folder, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := checkTrusted(folder); err != nil {
		return fmt.Errorf("its folder %q: %w", dir, err)
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
