package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A part that an earlier run left complete may have attributes that were granted
// then, and are not now.
func TestReusedPartHasNoAttributesLeft(t *testing.T) {
	needs(t, "setfattr", "getfattr")
	dir := t.TempDir()
	b := content(2*chunk, 1)
	e := fileEntry("f", len(b))
	f := open(t, dir, Options{})
	p, err := f.Begin(e)
	must(t, err)
	fill(t, p, b, all)
	must(t, p.Discard(true))
	must(t, f.Close())
	parts, err := filepath.Glob(filepath.Join(dir, tree.PartialName, "*.part"))
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	run(t, "setfattr", "-n", "user.old", "-v", "x", parts[0])

	f = open(t, dir, Options{})
	p, err = f.Begin(e)
	must(t, err)
	fill(t, p, b, all)
	must(t, seal(p, e, e.Size))
	publish(t, f, &storage.Publication{Partial: p, Entry: e})
	finish(t, f)
	if out := run(t, "getfattr", "--absolute-names", filepath.Join(dir, "f")); out != "" {
		t.Errorf("left over:\n%s", out)
	}
}

func TestNodesInTheWayOfOthers(t *testing.T) {
	dir := t.TempDir()
	f := granting(t, dir, Options{}, tree.Metadata{Devices: true})
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("mine"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	node := func(name string) *tree.Entry {
		return &tree.Entry{Kind: tree.FIFO, Name: name, Mode: 0o622, MTime: testTime}
	}
	_, err := f.MakeNode(node("file"), false)
	wantKind(t, err, storage.Conflict)
	holds(t, filepath.Join(dir, "file"), []byte("mine"))
	_, err = f.MakeNode(node("folder"), true)
	wantKind(t, err, storage.OtherKind)
	_, err = f.MakeNode(node(".."), true)
	wantKind(t, err, storage.Name)
	for _, want := range []bool{false, true} {
		if out, err := f.MakeNode(node("file"), true); err != nil || out.Same != want {
			t.Errorf("same %v, %v; want %v", out.Same, err, want)
		}
	}
	var st unix.Stat_t
	must(t, unix.Lstat(filepath.Join(dir, "file"), &st))
	if st.Mode != unix.S_IFIFO|0o622 || st.Mtim.Nano() != testTime.Std().UnixNano() {
		t.Errorf("mode %#o, mtime %v", st.Mode, st.Mtim)
	}
	finish(t, f)
	wantNames(t, dir, "file", "folder")
}

// childMeta delivers, as a user without privileges, what takes one, and prints
// what was lost of each entry.
func childMeta(dir string) error {
	f, err := start(dir, Options{}, everything)
	if err != nil {
		return err
	}
	tell := func(id uint64, all []tree.Loss) {
		for _, l := range all {
			fmt.Println(id, l.What)
		}
	}
	defer f.Close()
	self := uint32(os.Geteuid())
	mine, root := &tree.Owner{UID: self, GID: self}, &tree.Owner{UID: 0, GID: 0, User: "root"}
	user := tree.Xattr{Name: "user.a", Value: []byte("b")}
	var batch []*storage.Publication
	for i, c := range []struct {
		mode   uint32
		owner  *tree.Owner
		xattrs []tree.Xattr
	}{
		{0o4755, mine, nil},
		{0o6755, root, nil},
		{0o4755, nil, nil},
		{0o444, mine, []tree.Xattr{user}},
		{0o644, mine, []tree.Xattr{{Name: "trusted.x", Value: []byte("y")}, user}},
		{0o644, mine, []tree.Xattr{{Name: "system.posix_acl_access", Value: []byte("nonsense")}}},
		{0o644, mine, []tree.Xattr{{Name: "user.\x00"}, {Name: "system.other"}}},
	} {
		e := fileEntry(fmt.Sprint(i), 0)
		e.ID, e.Mode, e.Extra = uint64(i+1), c.mode, &tree.Extra{Owner: c.owner, Xattrs: c.xattrs}
		p, err := f.Begin(e)
		if err == nil {
			err = seal(p, e, 0)
		}
		if err != nil {
			return err
		}
		batch = append(batch, &storage.Publication{Partial: p, Entry: e})
	}
	if err := f.Publish(batch); err != nil {
		return err
	}
	for _, pub := range batch {
		if pub.Err != nil {
			return pub.Err
		}
		tell(pub.Entry.ID, pub.Lost)
	}
	link := &tree.Entry{ID: 20, Kind: tree.Symlink, Name: "link", Target: "x", Extra: &tree.Extra{Owner: root}}
	out, err := f.MakeLink(link, false)
	if err != nil {
		return err
	}
	tell(20, out.Lost)
	dev := &tree.Entry{ID: 21, Kind: tree.CharDevice, Name: "dev", Major: 1, Minor: 99}
	_, err = f.MakeNode(dev, false)
	var e *storage.Error
	if !errors.As(err, &e) {
		return errors.New("a device was made without privilege")
	}
	fmt.Println(21, e.Kind)
	return f.finished()
}

func TestWhatAUserMayNotApplyIsCounted(t *testing.T) {
	needsRoot(t)
	dir := publicDir(t)
	must(t, os.Chown(dir, 65534, 65534))
	got := strings.Split(child{do: "meta", dir: dir, uid: 65534}.run(t), "\n")
	want := []string{
		"2 owner", "2 set-id or sticky bit", "3 set-id or sticky bit", "5 extended attribute", "6 ACL", "7 extended attribute",
		"20 owner", "21 no permission",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("lost %q, want %q", got, want)
	}
	for name, mode := range map[string]uint32{"0": 0o4755, "1": 0o755, "2": 0o755, "3": 0o444} {
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(dir, name), &st))
		if st.Mode&0o7777 != mode {
			t.Errorf("%s has mode %#o, want %#o", name, st.Mode&0o7777, mode)
		}
	}
	for _, name := range []string{"3", "4"} {
		b := make([]byte, 10)
		if n, err := unix.Getxattr(filepath.Join(dir, name), "user.a", b); err != nil || string(b[:n]) != "b" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A run that was stopped between Seal and publication left the final owner: the
// next one goes on with the bytes, and not with the owner.
func TestPartWithItsFinalOwnerIsTakenUp(t *testing.T) {
	needsRoot(t)
	dir := t.TempDir()
	b := content(2*chunk, 1)
	e := fileEntry("f", len(b))
	e.Extra = &tree.Extra{Owner: &tree.Owner{UID: 4711, GID: 4712}}
	f := granting(t, dir, Options{}, tree.Metadata{Owner: true, Numeric: true})
	p, err := f.Begin(e)
	must(t, err)
	fill(t, p, b, all)
	must(t, seal(p, e, e.Size))
	must(t, p.Discard(true))
	must(t, f.Close())

	f = open(t, dir, Options{})
	p, err = f.Begin(e)
	must(t, err)
	n := 0
	for range p.Present(t.Context()) {
		n++
	}
	if n != 2 {
		t.Errorf("%d chunks are left", n)
	}
	must(t, seal(p, e, e.Size))
	publish(t, f, &storage.Publication{Partial: p, Entry: e})
	finish(t, f)
	var st unix.Stat_t
	must(t, unix.Stat(filepath.Join(dir, "f"), &st))
	if st.Uid != 0 || int(st.Gid) != os.Getegid() {
		t.Errorf("the file belongs to %d:%d", st.Uid, st.Gid)
	}
	holds(t, filepath.Join(dir, "f"), b)
}
