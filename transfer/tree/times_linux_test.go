package tree

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A time that 32 bits cannot hold is kept and told on every processor: of files, folders
// and links, by handle and by name, and beside an atime that is as far away.
func TestTimesThatNeedMoreBits(t *testing.T) {
	const far = 1 << 32 // in 2106
	path, d := open(t, 4)
	var fs unix.Statfs_t
	check(t, unix.Statfs(path, &fs))
	switch uint32(fs.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.BTRFS_SUPER_MAGIC:
	default:
		t.Skip("it is not known whether this file system keeps such times")
	}
	create(t, d, "file", "content")
	check(t, d.Mkdir("folder", 0o755))
	check(t, os.Symlink("file", filepath.Join(path, "link")))
	for _, sec := range []int64{far + 1, 1<<31 + 1, -1<<31 + 1, -2, 7} {
		stamp := Time{Sec: sec, Nsec: 123_456_789}
		a := Apply{Mode: 0o755, MTime: stamp}
		f, _, err := d.OpenFile("file")
		check(t, err)
		_, err = a.ToFile(f)
		check(t, err)
		if info, err := Fstat(f); err != nil || info.MTime != stamp {
			t.Errorf("the open file has the time %v and not %v, %v", info.MTime, stamp, err)
		}
		check(t, f.Close())
		_, err = a.ToFolder(d.Child("folder"))
		check(t, err)
		seen, err := d.Lstat("link")
		check(t, err)
		_, err = a.ToName(d, "link", seen)
		check(t, err)
		for _, name := range []string{"file", "folder", "link"} {
			if info, err := d.Lstat(name); err != nil || info.MTime != stamp {
				t.Errorf("%s has the time %v and not %v, %v", name, info.MTime, stamp, err)
			}
		}
	}
	// The atime stays, also where both times have to be set at once.
	at := filepath.Join(path, "file")
	fd, err := unix.Open(at, unix.O_PATH|unix.O_CLOEXEC, 0)
	check(t, err)
	defer unix.Close(fd)
	m, err := Time{Sec: far, Nsec: 5}.spec()
	check(t, err)
	check(t, utimesAt(unix.AT_FDCWD, at, m, m, 0))
	check(t, heldPath{fd}.setTime(Time{Sec: 3}, true))
	check(t, d.SetLinkTime("file", Time{Sec: 4}, true))
	if now, err := atimeAt(unix.AT_FDCWD, at, 0); err != nil || now != m {
		t.Errorf("the atime is %v and not %v, %v", now, m, err)
	}
}
