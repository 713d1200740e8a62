//go:build faults && linux

package faults

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/zeebo/blake3"
	"golang.org/x/sys/unix"
)

// fact is all that an independent walker sees of a name.
type fact struct {
	kind     string // as --json names it
	size     int64
	digest   string // BLAKE3 of a file, in hex
	target   string // of a link
	mode     uint32 // & 07777
	uid, gid uint32
	mtime    unix.Timespec
	rdev     uint64
	attrs    map[string]string
	id       [2]uint64 // device and inode
	twin     string    // first path of the same inode
	secret   bool      // its content may not be read
}

// census is a folder by slash-separated path, as raw bytes.
type census map[string]fact

// survey looks at all of dir but dir itself. It goes from folder to folder by
// handle: a path may be longer than the system takes in one piece.
func survey(t testing.TB, dir string) census {
	t.Helper()
	c := census{}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return c
	}
	if err == nil {
		err = c.walk(fd, "")
	}
	if err != nil {
		t.Fatalf("looking at %s: %v", dir, err)
	}
	first := make(map[[2]uint64]string)
	for _, path := range c.paths() {
		f := c[path]
		if f.kind == "folder" {
			continue
		}
		if first[f.id] == "" {
			first[f.id] = path
		}
		f.twin = first[f.id]
		c[path] = f
	}
	return c
}

func (c census) paths() []string {
	paths := make([]string, 0, len(c))
	for path := range c {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths
}

// walk closes fd.
func (c census) walk(fd int, prefix string) error {
	dir := os.NewFile(uintptr(fd), prefix)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := prefix + name
		f, err := look(fd, name)
		if err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		c[path] = f
		if f.kind != "folder" {
			continue
		}
		below, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			err = c.walk(below, path+"/")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	return nil
}

var kinds = map[uint32]string{
	unix.S_IFREG: "file", unix.S_IFDIR: "folder", unix.S_IFLNK: "symlink", unix.S_IFIFO: "fifo",
	unix.S_IFSOCK: "socket", unix.S_IFCHR: "device", unix.S_IFBLK: "device",
}

func look(dir int, name string) (fact, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fact{}, err
	}
	f := fact{kind: kinds[st.Mode&unix.S_IFMT], mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid, mtime: st.Mtim,
		id: [2]uint64{st.Dev, st.Ino}}
	var err error
	switch f.kind {
	case "file":
		f.size = st.Size
		f.digest, err = digestOf(dir, name)
	case "symlink":
		f.target, err = readlink(dir, name)
	case "device":
		f.rdev = st.Rdev
	}
	if errors.Is(err, unix.EACCES) {
		f.secret, err = true, nil
	}
	if err == nil {
		f.attrs, err = attributes(dir, name)
	}
	return f, err
}

func digestOf(dir int, name string) (string, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	h := blake3.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func readlink(dir int, name string) (string, error) {
	b := make([]byte, 2*unix.PathMax)
	n, err := unix.Readlinkat(dir, name, b)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// attributes are the extended ones; nil where the file system has none.
func attributes(dir int, name string) (map[string]string, error) {
	path := fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)
	b := make([]byte, 64*kib)
	n, err := unix.Llistxattr(path, b)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing attributes: %w", err)
	}
	attrs := make(map[string]string)
	names := bytes.Split(b[:n], []byte{0})
	for _, attr := range []string{"trusted.one", "security.capability"} {
		names = append(names, []byte(attr)) // ntfs-3g has them, and lists none of them
	}
	for _, attr := range names {
		if len(attr) == 0 || foreign(string(attr)) {
			continue
		}
		v := make([]byte, 64*kib)
		m, err := unix.Lgetxattr(path, string(attr), v)
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading attribute %s: %w", attr, err)
		}
		attrs[string(attr)] = string(v[:m])
	}
	return attrs, nil
}

// foreign attributes are a file system's own view of itself, or a label that the
// machine gives to all there is.
func foreign(attr string) bool {
	return strings.HasPrefix(attr, "system.ntfs_") || attr == "security.selinux" || strings.HasPrefix(attr, "trusted.SGI_ACL_") || strings.HasPrefix(attr, "system.fuse") ||
		strings.HasPrefix(attr, "trusted.overlay.") || strings.HasPrefix(attr, "user.fuseoverlay")
}
