package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// everything is what --archive asks for.
var everything = tree.Metadata{Owner: true, Xattrs: true, System: true, HardLinks: true, Devices: true}

func needs(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

func needsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may set owners and make devices")
	}
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// carry delivers what is in src to dst, as a sender and a receiver do, one item
// after another and with nothing between them. It returns what was lost, by kind.
func carry(t testing.TB, src, dst string, m tree.Metadata) map[tree.Attr]int {
	t.Helper()
	lost := map[tree.Attr]int{}
	f := granting(t, dst, Options{NoSync: true}, m)
	lose := func(all []tree.Loss) {
		for _, l := range all {
			lost[l.What]++
			t.Logf("lost %v: %v", l.What, l.Err)
		}
	}
	dirs := tree.NewDirs(8)
	defer dirs.Close()
	w := tree.Walk{
		Sources:  []tree.Source{{Path: src, Contents: true}},
		Dirs:     dirs,
		Metadata: m, HardLinks: tree.NewHardLinks(100),
		Problem: func(name string, err error) {
			if !errors.Is(err, tree.ErrSpecial) || m.Devices {
				t.Errorf("%s: %v", name, err)
			}
		},
		Lost: func(name string, all []tree.Loss) { t.Errorf("%s: %v", name, all) },
	}
	must(t, w.Run(context.Background(), func(it *tree.Item) error {
		all, err := carryItem(t, f, it)
		lose(all)
		return err
	}))
	r, err := f.Finish()
	must(t, err)
	lose(r.Lost)
	return lost
}

func carryItem(t testing.TB, f *delivery, it *tree.Item) (lost []tree.Loss, err error) {
	e := &it.Entry
	var out storage.Outcome
	switch e.Kind {
	case tree.Root, tree.Folder:
		out, err = f.MakeFolder(e)
	case tree.FolderEnd:
		out, err = f.FinishFolder(e)
	case tree.Symlink:
		out, err = f.MakeLink(e, true)
	case tree.HardLink:
		out, err = f.MakeHardLink(e, true)
	case tree.File:
		there, missing := f.Stat(e)
		if missing == nil && there.Size == e.Size && there.MTime == e.MTime {
			out, err = f.Touch(e)
			break
		}
		pub := carryFile(t, f, it)
		publish(t, f, pub)
		return pub.Lost, nil
	default:
		out, err = f.MakeNode(e, true)
	}
	return out.Lost, err
}

func carryFile(t testing.TB, f *delivery, it *tree.Item) *storage.Publication {
	t.Helper()
	e := &it.Entry
	file, info, err := it.Open()
	must(t, err)
	defer file.Close()
	p, err := f.Begin(e)
	must(t, err)
	extents := tree.NewExtents(file, info)
	buf := make([]byte, chunk)
	for i := range checksum.Chunks(e.Size) {
		at, n := int64(i)*chunk, checksum.ChunkLen(e.Size, i)
		clear(buf)
		if extents.Cover(at, int64(n)) == tree.AllHole {
			must(t, p.WriteHole(i, n, cvOf(buf[:n], i)))
			continue
		}
		_, err := file.ReadAt(buf[:n], at)
		must(t, err)
		must(t, p.WriteChunk(i, buf[:n], cvOf(buf[:n], i)))
	}
	must(t, seal(p, e, e.Size))
	return &storage.Publication{Partial: p, Entry: e, Replace: true}
}

// odd makes a tree with all that --archive carries.
func odd(t testing.TB, src string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(src, name) }
	for _, d := range []string{"d", "d/e", "empty", "sticky", "acl", "other"} {
		must(t, os.Mkdir(at(d), 0o755))
	}
	for _, name := range []string{"plain", "d/suid", "d/caps", "d/e/first", "acl/f", "other/f", "d/readonly"} {
		must(t, os.WriteFile(at(name), content(100, 3), 0o644))
	}
	sparse, err := os.Create(at("sparse"))
	must(t, err)
	_, err = sparse.WriteAt([]byte("in the middle"), 5*chunk+100)
	must(t, err)
	must(t, sparse.Truncate(9*chunk+7))
	must(t, sparse.Close())
	must(t, os.Link(at("d/e/first"), at("d/e/second")))
	must(t, os.Link(at("d/e/first"), at("zz-third")))
	must(t, os.Symlink("nowhere", at("link")))
	must(t, unix.Linkat(unix.AT_FDCWD, at("link"), unix.AT_FDCWD, at("link2"), 0))
	must(t, unix.Mkfifo(at("fifo"), 0o640))
	must(t, unix.Mknod(at("socket"), unix.S_IFSOCK|0o600, 0))
	// Numbers that no driver has: nobody can open them by mistake.
	must(t, unix.Mknod(at("char"), unix.S_IFCHR|0o620, int(unix.Mkdev(0xeee, 0x12345))))
	must(t, unix.Mknod(at("block"), unix.S_IFBLK|0o660, int(unix.Mkdev(0xeee, 2))))
	must(t, os.Link(at("fifo"), at("fifo2")))
	for _, name := range []string{"d/suid", "link", "fifo", "char", "other", "other/f", "d/e"} {
		must(t, os.Lchown(at(name), 12345, 54321))
	}
	must(t, os.Lchown(at("sticky"), 65534, 65534))
	run(t, "setfattr", "-n", "user.note", "-v", "text", at("plain"))
	run(t, "setfattr", "-n", "user.empty", at("plain"))
	run(t, "setfattr", "-n", "user.note", "-v", "folder", at("d"))
	run(t, "setfattr", "-n", "user.note", "-v", "read only", at("d/readonly"))
	run(t, "setfattr", "-n", "trusted.secret", "-v", "0x00ff", at("d/e/first"))
	run(t, "setfattr", "-h", "-n", "trusted.link", "-v", "of a link", at("link"))
	// cap_net_raw+ep, in the form of the kernel's vfs_cap_data.
	run(t, "setfattr", "-n", "security.capability", "-v", "0x0100000200200000000000000000000000000000", at("d/caps"))
	run(t, "setfacl", "-m", "u:12345:rw,g:54321:r,m::rw", at("acl/f"))
	run(t, "setfacl", "-m", "u:12345:rwx", at("acl"))
	run(t, "setfacl", "-d", "-m", "u:12345:rwx,o::-", at("acl"))
	run(t, "setfacl", "-m", "u:12345:r", at("fifo"))
	for name, mode := range map[string]uint32{
		"d/suid": 0o6755, "d": 0o2775, "sticky": 0o1777, "d/readonly": 0o444, "other/f": 0o4000, "other": 0o2500,
	} {
		must(t, syscall.Chmod(at(name), mode))
	}
	old := []unix.Timespec{{Sec: 1, Nsec: 2}, {Sec: -5, Nsec: 999_999_999}}
	for _, name := range []string{"link", "fifo", "socket", "char", "d/e/first", "d/e", "empty", "acl", "sparse"} {
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), old, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// differences is what rsync finds between the two trees. That a folder has
// another time than before its comparison is the reading's doing.
func differences(t testing.TB, src, dst string) string {
	t.Helper()
	return run(t, "rsync", "-aHAXSn", "--delete", "--checksum", "--itemize-changes", src+"/", dst)
}

func TestArchiveIsWhatRsyncSees(t *testing.T) {
	needsRoot(t)
	needs(t, "rsync", "setfacl", "setfattr")
	src, dst := t.TempDir(), t.TempDir()
	odd(t, src)
	if diff := differences(t, src, dst); strings.Count(diff, "\n") < 20 {
		t.Fatalf("rsync sees too little to compare with:\n%s", diff)
	}
	if lost := carry(t, src, dst, everything); len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
	if diff := differences(t, src, dst); diff != "" {
		t.Errorf("rsync sees:\n%s", diff)
	}
	var st unix.Stat_t
	must(t, unix.Stat(filepath.Join(dst, "sparse"), &st))
	if st.Blocks*512 > chunk+64<<10 {
		t.Errorf("the sparse file takes %d KiB", st.Blocks/2)
	}
	var link, link2 unix.Stat_t
	must(t, unix.Lstat(filepath.Join(dst, "link"), &link))
	must(t, unix.Lstat(filepath.Join(dst, "link2"), &link2))
	if link.Ino != link2.Ino {
		t.Errorf("the symbolic links are two items")
	}

	// Once more, where only metadata differs, each in a way that the tools see.
	at := func(name string) string { return filepath.Join(dst, name) }
	must(t, os.Lchown(at("link"), 1, 1))
	must(t, os.Lchown(at("other"), 1, 1))
	must(t, os.Chmod(at("fifo"), 0o666))
	run(t, "setfattr", "-n", "user.more", "-v", "x", at("plain"))
	run(t, "setfattr", "-x", "user.note", at("d"))
	run(t, "setfacl", "-b", at("acl"), at("acl/f"))
	run(t, "setfacl", "-m", "u:77:rwx", at("empty"), at("plain"))
	must(t, os.Remove(at("zz-third")))
	must(t, os.WriteFile(at("zz-third"), content(100, 3), 0o644))
	must(t, os.Remove(at("char")))
	must(t, unix.Mkfifo(at("char"), 0o600))
	if lost := carry(t, src, dst, everything); len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
	if diff := differences(t, src, dst); diff != "" {
		t.Errorf("after the second run rsync sees:\n%s", diff)
	}
	if _, err := os.Lstat(at(tree.PartialName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("state is left: %v", err)
	}
}

// Without anything granted, nothing of it arrives. What the folder gives stays.
func TestNothingGrantedNothingApplied(t *testing.T) {
	needsRoot(t)
	needs(t, "rsync", "setfacl", "setfattr", "getfacl", "getfattr")
	src, dst := t.TempDir(), t.TempDir()
	odd(t, src)
	run(t, "setfacl", "-d", "-m", "u:12345:rwx,g::rwx,o::rwx", dst)
	lost := map[tree.Attr]int{}
	f := open(t, dst, Options{NoSync: true})
	dirs := tree.NewDirs(8)
	defer dirs.Close()
	w := tree.Walk{Sources: []tree.Source{{Path: src, Contents: true}}, Dirs: dirs, Metadata: tree.Metadata{Owner: true, Xattrs: true},
		Problem: func(string, error) {}}
	must(t, w.Run(context.Background(), func(it *tree.Item) error {
		all, err := carryItem(t, f, it)
		for _, l := range all {
			lost[l.What]++
		}
		return err
	}))
	r, err := f.Finish()
	must(t, err)
	for _, l := range r.Lost {
		lost[l.What]++
	}
	if len(lost) > 0 {
		t.Errorf("what was not granted is counted as lost: %v", lost)
	}
	for name, mode := range map[string]uint32{"d/suid": 0o755, "d": 0o775, "sticky": 0o777, "acl/f": 0o664, "other": 0o500, "plain": 0o644, "empty": 0o755} {
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(dst, name), &st))
		if st.Uid != 0 || st.Gid != 0 || st.Mode&0o7777 != mode {
			t.Errorf("%s: mode %#o, owner %d:%d", name, st.Mode&0o7777, st.Uid, st.Gid)
		}
		acl := run(t, "getfacl", "--access", "--skip-base", "--omit-header", "--no-effective", "--absolute-names", filepath.Join(dst, name))
		want := fmt.Sprintf("user:12345:rwx\ngroup::rwx\nmask::%s\n", rwx(mode>>3))
		if !strings.Contains(acl, want) || strings.Count(acl, ":") != 2*5 {
			t.Errorf("%s has the ACL\n%s", name, acl)
		}
	}
	if out := run(t, "getfattr", "-R", "-h", "-m", "^(user|trusted|security.capability)", "--absolute-names", dst); out != "" {
		t.Errorf("attributes arrived:\n%s", out)
	}
}

// rwx is the lowest three bits of a mode as getfacl has them.
func rwx(bits uint32) string {
	b := []byte("---")
	for i, c := range "rwx" {
		if bits&(4>>i) != 0 {
			b[i] = byte(c)
		}
	}
	return string(b)
}

// In a folder with a default ACL, what is made has what cp(1) gives it, whatever the
// umask, and keeps that when it is delivered again.
func TestDefaultACLOfTheDestination(t *testing.T) {
	needs(t, "setfacl", "getfacl", "cp")
	for _, acl := range []string{"u:4000:rwX,o::-", "g:4000:r-x,g::rwx,m::r-x,o::r-x", "u::rwx,g::r-x,o::-"} {
		for _, umask := range []uint32{0, 0o022} {
			src, dst, there := t.TempDir(), t.TempDir(), t.TempDir()
			must(t, os.Mkdir(filepath.Join(src, "d"), 0o755))
			for name, mode := range map[string]os.FileMode{"a": 0o644, "b": 0o600, "d/c": 0o755, "d/e": 0o440} {
				must(t, os.WriteFile(filepath.Join(src, name), []byte(name), 0o600))
				must(t, os.Chmod(filepath.Join(src, name), mode))
			}
			must(t, os.WriteFile(filepath.Join(src, "large"), content(chunk+1, 1), 0o644))
			for _, at := range []string{dst, there} {
				must(t, os.Mkdir(filepath.Join(at, "old"), 0o700)) // without one
				run(t, "setfacl", "-d", "-m", acl, at)
			}
			run(t, "cp", "-r", src+"/.", there)
			for range 2 {
				f := granting(t, dst, Options{}, tree.Metadata{Umask: umask})
				dirs := tree.NewDirs(8)
				w := tree.Walk{Sources: []tree.Source{{Path: src, Contents: true}}, Dirs: dirs, Problem: func(string, error) {}}
				must(t, w.Run(context.Background(), func(it *tree.Item) error {
					if it.Kind == tree.File {
						if _, err := f.Stat(&it.Entry); err == nil {
							return only(f.Touch(&it.Entry))
						}
					}
					_, err := carryItem(t, f, it)
					return err
				}))
				finish(t, f)
				must(t, dirs.Close())
				for _, name := range []string{"a", "b", "large", "d", "d/c", "d/e"} {
					facl := func(at string) string {
						return run(t, "getfacl", "--omit-header", "--absolute-names", filepath.Join(at, name))
					}
					if got, want := facl(dst), facl(there); got != want {
						t.Errorf("%s, umask %03o: %s has\n%s, cp gives it\n%s", acl, umask, name, got, want)
					}
				}
			}
		}
	}
}
