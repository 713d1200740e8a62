package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

func blocksOf(t testing.TB, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	return st.Blocks * 512
}

// nearlyHollow fails unless path takes about as much space as data bytes.
func nearlyHollow(t testing.TB, path string, data int64) {
	t.Helper()
	if got := blocksOf(t, path); got > data+16<<10 {
		t.Errorf("%s takes %d KiB, its data %d", path, got>>10, data>>10)
	}
}

// keepsHoles skips the test where a hole takes space.
func keepsHoles(t testing.TB, dir string) {
	t.Helper()
	path := filepath.Join(dir, "probe")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Truncate(path, 4*chunk))
	if blocksOf(t, path) > 0 {
		t.Skip("the file system keeps no holes")
	}
	must(t, os.Remove(path))
}

func TestHolesTakeNoSpace(t *testing.T) {
	dir := t.TempDir()
	keepsHoles(t, dir)
	zeros := make([]byte, chunk)
	hole := func(p *partial, i uint64) { must(t, p.WriteHole(i, chunk, cvOf(zeros, i))) }
	f := open(t, dir, Options{})

	stream := fileEntry("stream", -1)
	stream.Kind = tree.Stream
	p, err := f.Begin(stream)
	must(t, err)
	for i := range uint64(8) {
		hole(p, i)
	}
	must(t, seal(p, stream, 8*chunk))
	publish(t, f, &storage.Publication{Partial: p, Entry: stream})

	small := fileEntry("small", chunk)
	p, err = f.Begin(small)
	must(t, err)
	hole(p, 0)
	must(t, seal(p, small, chunk))
	publish(t, f, &storage.Publication{Partial: p, Entry: small})

	// Data of an earlier run becomes a hole, and a hole of the old file stays one.
	old := content(6*chunk, 1)
	basis := fileEntry("basis", len(old))
	publish(t, f, sealed(t, f, basis, old))
	must(t, os.Truncate(filepath.Join(dir, "basis"), chunk))
	must(t, os.Truncate(filepath.Join(dir, "basis"), 6*chunk))
	from, err := f.Open(basis)
	must(t, err)
	defer from.Close()
	update := fileEntry("update", len(old))
	p, err = f.Begin(update)
	must(t, err)
	fill(t, p, old, all)
	for i := range uint64(5) {
		must(t, p.CopyChunk(from, i, chunk))
	}
	hole(p, 5)
	must(t, seal(p, update, update.Size))
	publish(t, f, &storage.Publication{Partial: p, Entry: update})
	finish(t, f)

	nearlyHollow(t, filepath.Join(dir, "stream"), 0)
	nearlyHollow(t, filepath.Join(dir, "small"), 0)
	nearlyHollow(t, filepath.Join(dir, "update"), chunk)
	holds(t, filepath.Join(dir, "update"), append(slices.Clone(old[:chunk]), make([]byte, 5*chunk)...))
	holds(t, filepath.Join(dir, "small"), zeros)
}

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
