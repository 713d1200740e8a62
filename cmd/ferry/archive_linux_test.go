package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user without privileges and without files.
const nobody = 65534

// asUser runs a program as the user uid, and returns what it printed and its exit
// code.
func asUser(t *testing.T, uid uint32, name string, args ...string) (out string, exit int) {
	t.Helper()
	var text bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &text, &text
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return text.String(), cmd.ProcessState.ExitCode()
}

func tool(t *testing.T, args ...string) {
	t.Helper()
	if out, exit := asUser(t, 0, args[0], args[1:]...); exit != 0 {
		t.Fatalf("%v: %s", args, out)
	}
}

// ferryFor is this program at a place where every user may run it.
func ferryFor(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	b, err := os.ReadFile(self)
	check(t, err)
	path := filepath.Join(dir, "ferry") // the name makes it the command; see TestMain
	check(t, os.WriteFile(path, b, 0o755))
	return path
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// workshop is a folder that every user may look into, with src and dst in it.
func workshop(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("takes root")
	}
	for _, name := range []string{"rsync", "setfattr", "setfacl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not here", name)
		}
	}
	dir, err := os.MkdirTemp("", "ferry-archive")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	check(t, os.Mkdir(filepath.Join(dir, "src"), 0o755))
	check(t, os.Mkdir(filepath.Join(dir, "dst"), 0o777))
	probe := filepath.Join(dir, "probe")
	check(t, os.WriteFile(probe, nil, 0o600))
	if unix.Setxattr(probe, "user.a", []byte("b"), 0) != nil {
		t.Skip("the file system keeps no extended attributes")
	}
	return dir
}

// userTree makes what a user may make, owned by uid.
func userTree(t *testing.T, src string, uid int) {
	t.Helper()
	at := func(name string) string { return filepath.Join(src, name) }
	for _, d := range []string{"d", "d/e", "empty", "acl"} {
		check(t, os.Mkdir(at(d), 0o755))
	}
	for _, name := range []string{"plain", "d/e/first", "acl/f", "d/readonly"} {
		check(t, os.WriteFile(at(name), []byte(name), 0o640))
	}
	check(t, os.WriteFile(at("large"), bytes.Repeat([]byte("0123456789abcdef"), 3<<16), 0o600))
	sparse, err := os.Create(at("sparse"))
	check(t, err)
	for _, off := range []int64{5 << 20, 63<<20 + 4096, 300<<20 + 17} {
		_, err = sparse.WriteAt([]byte("an island"), off)
		check(t, err)
	}
	check(t, sparse.Truncate(400<<20+7))
	check(t, sparse.Close())
	check(t, os.Link(at("d/e/first"), at("second")))
	check(t, os.Link(at("large"), at("d/large too")))
	check(t, os.Symlink("no where", at("link")))
	check(t, unix.Mkfifo(at("fifo"), 0o640))
	tool(t, "setfattr", "-n", "user.note", "-v", "text", at("plain"))
	tool(t, "setfattr", "-n", "user.note", "-v", "folder", at("d"))
	tool(t, "setfattr", "-n", "user.note", "-v", "of a file that nobody may write", at("d/readonly"))
	tool(t, "setfacl", "-m", "u:12345:rw,g:54321:r,m::rw", at("acl/f"))
	tool(t, "setfacl", "-d", "-m", "u:12345:rwx,o::-", at("acl"))
	check(t, filepath.WalkDir(src, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, uid))
	}))
	old := []unix.Timespec{{Sec: 1, Nsec: 2}, {Sec: -5, Nsec: 999_999_999}}
	for _, name := range []string{"link", "fifo", "d/e/first", "d/e", "empty", "sparse", "large", ""} {
		check(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), old, unix.AT_SYMLINK_NOFOLLOW))
	}
	check(t, os.Chmod(at("d/readonly"), 0o400))
	check(t, os.Chmod(at("empty"), 0o500))
}

// rootTree adds what only root can make.
func rootTree(t *testing.T, src string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(src, name) }
	check(t, os.WriteFile(at("suid"), []byte("s"), 0o755))
	check(t, os.WriteFile(at("caps"), []byte("c"), 0o755))
	check(t, os.Mkdir(at("sticky"), 0o755))
	check(t, unix.Mknod(at("socket"), unix.S_IFSOCK|0o600, 0))
	// Numbers that no driver has: nobody can open them by mistake.
	check(t, unix.Mknod(at("char"), unix.S_IFCHR|0o620, int(unix.Mkdev(0xeee, 0x12345))))
	check(t, unix.Mknod(at("block"), unix.S_IFBLK|0o660, int(unix.Mkdev(0xeee, 2))))
	check(t, os.Link(at("fifo"), at("fifo2")))
	check(t, unix.Linkat(unix.AT_FDCWD, at("link"), unix.AT_FDCWD, at("link2"), 0))
	for _, name := range []string{"suid", "link", "char", "d/e", "acl/f"} {
		check(t, os.Lchown(at(name), 12345, 54321))
	}
	tool(t, "setfattr", "-n", "trusted.secret", "-v", "0x00ff", at("d/e/first"))
	// cap_net_raw+ep, in the form of the kernel's vfs_cap_data.
	tool(t, "setfattr", "-n", "security.capability", "-v", "0x0100000200200000000000000000000000000000", at("caps"))
	check(t, syscall.Chmod(at("suid"), 0o6755))
	check(t, syscall.Chmod(at("sticky"), 0o1777))
}

// same fails unless rsync, run by uid, sees no difference, and the destination
// takes about as much space.
func sameToRsync(t *testing.T, uid uint32, dir string) {
	t.Helper()
	out, exit := asUser(t, uid, "rsync", "-aHAXSn", "--delete", "--checksum", "--itemize-changes", dir+"/src/", dir+"/dst")
	if out != "" || exit != 0 {
		t.Errorf("rsync ends with %d and sees:\n%s", exit, out)
	}
	if a, b := allocated(t, dir+"/src"), allocated(t, dir+"/dst"); b > a+256<<10 {
		t.Errorf("the source takes %d KiB and the destination %d", a>>10, b>>10)
	}
	if _, err := os.Lstat(dir + "/dst/.ferry-partial"); err == nil {
		t.Error("state is left in the destination")
	}
}

func allocated(t *testing.T, dir string) (n int64) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err = errors.Join(err, unix.Lstat(path, &st)); err == nil {
			n += st.Blocks * 512
		}
		return err
	}))
	return n
}

func TestArchiveIsWhatRsyncSees(t *testing.T) {
	dir := workshop(t)
	ferry := ferryFor(t, dir)
	userTree(t, dir+"/src", 1)
	rootTree(t, dir+"/src")
	again := func(want string) {
		t.Helper()
		out, exit := asUser(t, 0, ferry, "copy", "-a", "--strict", dir+"/src/", dir+"/dst")
		if exit != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, not %q:\n%s", exit, want, out)
		}
		sameToRsync(t, 0, dir)
	}
	again("12 files, 5 folders, 1 link, 4 special items in " + dir + "/dst, 1 with new metadata")
	var before, after unix.Stat_t
	check(t, unix.Stat(dir+"/dst/plain", &before))
	again("23 unchanged")
	if check(t, unix.Stat(dir+"/dst/plain", &after)); before.Ctim != after.Ctim {
		t.Error("an unchanged file was written to")
	}

	// Only metadata differs, each in a way that rsync sees; and names that are not
	// what they were.
	at := func(name string) string { return dir + "/dst/" + name }
	check(t, os.Lchown(at("link"), 1, 1))
	check(t, os.Lchown(at("d"), 7, 7))
	check(t, os.Chmod(at("fifo"), 0o666))
	check(t, os.Chmod(at("suid"), 0o755))
	tool(t, "setfattr", "-n", "user.more", "-v", "x", at("plain"))
	tool(t, "setfattr", "-x", "user.note", at("d"))
	tool(t, "setfacl", "-b", at("acl/f"))
	tool(t, "setfacl", "-m", "u:77:rwx", at("empty"))
	check(t, os.Remove(at("second")))
	check(t, os.WriteFile(at("second"), []byte("d/e/first"), 0o640))
	check(t, os.Remove(at("char")))
	check(t, unix.Mkfifo(at("char"), 0o600))
	check(t, os.Remove(at("large")))
	check(t, unix.Mkfifo(at("large"), 0o600))
	if out, exit := asUser(t, 0, ferry, "copy", "-an", dir+"/src/", dir+"/dst"); exit != 0 ||
		!strings.Contains(out, "would deliver 3 items (all replaced), leave 12 unchanged, give 8 new metadata") {
		t.Errorf("a dry run, exit %d:\n%s", exit, out)
	}
	again("2 files, 1 special item (all replaced) in " + dir + "/dst, 12 unchanged, 8 with new metadata")
	again("23 unchanged")
}

// To a user the same command does what it can, says once a kind what it cannot,
// and with --strict ends with 1.
func TestArchiveAsUser(t *testing.T) {
	dir := workshop(t)
	ferry := ferryFor(t, dir)
	userTree(t, dir+"/src", nobody)
	check(t, os.Lchown(dir+"/dst", nobody, nobody))
	copyAs := func(uid uint32, more ...string) (string, int) {
		return asUser(t, uid, ferry, append([]string{"copy", dir + "/src/", dir + "/dst", "-a"}, more...)...)
	}
	if out, exit := copyAs(nobody, "--strict"); exit != 0 {
		t.Fatalf("exit %d: %s", exit, out)
	}
	sameToRsync(t, nobody, dir)

	// A folder that its owner may not even enter is opened for the copy.
	check(t, os.Chmod(dir+"/dst/d", 0))
	if out, exit := copyAs(nobody, "--strict"); exit != 0 || !strings.Contains(out, "1 with new metadata") {
		t.Errorf("exit %d: %s", exit, out)
	}
	sameToRsync(t, nobody, dir)

	for _, name := range []string{"one", "two"} {
		check(t, os.WriteFile(dir+"/src/"+name, nil, 0o644)) // of root
		check(t, syscall.Chmod(dir+"/src/"+name, 0o4644))
	}
	out, exit := copyAs(nobody)
	if exit != 0 || strings.Count(out, "owner: not applied to 2 items: permission denied; the first is "+dir+"/src/one\n")+strings.Count(out, "owner: not applied to 2 items: permission denied; the first is "+dir+"/src/two\n") != 1 ||
		strings.Count(out, "set-id or sticky bit: not applied to 2 items") != 1 {
		t.Errorf("exit %d: %s", exit, out)
	}
	// What a user cannot give is nothing that changed, and nothing that would.
	for _, dry := range []string{"-n", "-v"} {
		if out, exit := copyAs(nobody, dry); exit != 0 || strings.Contains(out, "new metadata") || !strings.Contains(out, "unchanged") {
			t.Errorf("again with %s, exit %d: %s", dry, exit, out)
		}
	}
	if out, exit = copyAs(nobody, "--strict"); exit != exitIncomplete || !strings.Contains(out, errLost.Error()) {
		t.Errorf("with --strict exit %d: %s", exit, out)
	}
	// A device takes root: that item fails, and the rest goes on.
	check(t, unix.Mknod(dir+"/src/char", unix.S_IFCHR|0o620, int(unix.Mkdev(0xeee, 1))))
	check(t, os.WriteFile(dir+"/src/zz", nil, 0o644))
	if out, exit = copyAs(nobody); exit != exitDestination && exit != exitIncomplete || !strings.Contains(out, "char: permission denied") {
		t.Errorf("with a device exit %d: %s", exit, out)
	}
	if _, err := os.Stat(dir + "/dst/zz"); err != nil {
		t.Error(err)
	}
}
