package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A dry run finds out that a file cannot be read, as the run does: a further name
// of it too, but not one that is there already and so is not read.
func TestDryRunTriesToRead(t *testing.T) {
	dir, err := os.MkdirTemp("", "ferry-dry") // every user may look into it
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"src", "dst", "dst/src"} {
		check(t, os.Mkdir(at(name), 0o755))
	}
	for _, name := range []string{"src/open", "src/secret", "src/same", "dst/src/same", "dst/src/secret3"} {
		check(t, os.WriteFile(at(name), []byte(filepath.Base(name)), 0o644))
	}
	check(t, os.WriteFile(at("src/large"), make([]byte, 3<<20), 0o644))
	check(t, os.WriteFile(at("src/secret3"), nil, 0o644))
	check(t, os.Link(at("src/secret"), at("src/secret2")))
	info, err := os.Stat(at("src/same"))
	check(t, err)
	check(t, os.Chtimes(at("dst/src/same"), info.ModTime(), info.ModTime()))
	for _, name := range []string{"src/secret", "src/secret3", "src/same", "src/large"} {
		check(t, os.Chmod(at(name), 0))
	}
	check(t, os.Chmod(at("dst/src/same"), 0))
	var uid uint32 // 0: whoever runs this
	if os.Geteuid() == 0 {
		uid = nobody
		for _, name := range []string{"dst", "dst/src", "dst/src/same", "dst/src/secret3"} {
			check(t, os.Lchown(at(name), nobody, nobody))
		}
	}
	ferry := ferryFor(t, dir)
	copyAs := func(more ...string) string {
		t.Helper()
		out, exit := asUser(t, uid, ferry, append([]string{"copy", at("src"), at("dst"), "--hard-links"}, more...)...)
		if exit != exitIncomplete {
			t.Errorf("%v: exit %d", more, exit)
		}
		return out
	}
	dry, real := copyAs("-nv"), copyAs("-v")
	for _, name := range []string{"secret", "large", "secret2", "secret3"} {
		why := ": unreadable: permission denied\n"
		if name == "secret2" {
			why = ": unreadable: the item that it is a further name of is not delivered\n"
		}
		if failed := at("src/" + name); !strings.Contains(dry, "would fail: "+failed+why) || !strings.Contains(real, "not delivered: "+failed+why) {
			t.Errorf("nothing is said of %s", name)
		}
	}
	if !strings.Contains(dry, "unchanged: "+at("src/same")+"\n") || !strings.Contains(dry, "would deliver 1 item,") ||
		!strings.Contains(dry, "fail for 4; needs 4 B") || !strings.Contains(dry, "4 items would not be delivered") {
		t.Error("the rest is not what the run does")
	}
	if t.Failed() {
		t.Logf("the dry run:\n%s\nthe run:\n%s", dry, real)
	}
}

// A dry run to a file system that takes no writes ends as the run does. What is there
// already needs none.
func TestDryRunOfReadOnlyTarget(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"src", "disk"} {
		check(t, os.Mkdir(at(name), 0o755))
	}
	check(t, os.WriteFile(at("src/a"), []byte("a"), 0o644))
	mount := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("mount", append(args, at("disk"))...).CombinedOutput(); err != nil {
			t.Skipf("mount: %v: %s", err, out)
		}
	}
	mount("-t", "tmpfs", "none")
	t.Cleanup(func() { _ = exec.Command("umount", at("disk")).Run() })
	for _, name := range []string{"files", "links", "full"} {
		check(t, os.Mkdir(at("disk/"+name), 0o755))
	}
	ferry := ferryFor(t, dir)
	if out, exit := asUser(t, 0, ferry, "copy", at("src")+"/", at("disk/full")); exit != exitOK {
		t.Fatal(out)
	}
	check(t, os.Mkdir(at("link"), 0o755))
	check(t, os.Symlink("x", at("link/x")))
	mount("-o", "remount,ro")
	for _, c := range []struct {
		src, dst string
		exit     int
	}{
		{at("src") + "/", "files", exitDestination}, {at("link") + "/", "links", exitDestination},
		{at("src"), "files", exitDestination}, {at("src"), "new/deep", exitDestination}, {at("src") + "/", "full", exitOK},
	} {
		dry, foreseen := asUser(t, 0, ferry, "copy", "-n", c.src, at("disk/"+c.dst))
		real, exit := asUser(t, 0, ferry, "copy", c.src, at("disk/"+c.dst))
		if foreseen != c.exit || exit != c.exit || exit != exitOK && !strings.Contains(dry, "read-only file system") {
			t.Errorf("%s to %s: exit %d and %d, want %d\n%s\n%s", c.src, c.dst, foreseen, exit, c.exit, dry, real)
		}
	}
}
