//go:build linux || darwin

package transfer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// wishing has the sender wish for one thing and the receiver permit another.
func wishing(wish, permit tree.Metadata) setup {
	return func(so *send.Options, ro *receive.Options, _ *sides) {
		so.Metadata, ro.Metadata = wish, permit
	}
}

func sameInode(t *testing.T, dir string, names ...string) {
	t.Helper()
	first, err := os.Lstat(filepath.Join(dir, names[0]))
	must(t, err)
	for _, name := range names[1:] {
		info, err := os.Lstat(filepath.Join(dir, name))
		must(t, err)
		if !os.SameFile(first, info) {
			t.Errorf("%s and %s are two files", names[0], name)
		}
	}
}

// Links come before and after the verdict on their item, small and large, more
// of them than the window of entries holds.
func TestHardLinks(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(filepath.Join(src, "many"), 0o755))
	write(t, filepath.Join(src, "a large"), 5*mib+1, 1)
	write(t, filepath.Join(src, "b small"), 100, 2)
	const n = 17000 // above flow.EntryWindow
	for i := range n {
		must(t, os.Link(filepath.Join(src, "a large"), filepath.Join(src, "many", fmt.Sprint(i))))
	}
	must(t, os.Link(filepath.Join(src, "b small"), filepath.Join(src, "many", "small")))
	s := deliver(t, t.Context(), dst, contents(src), wishing(links, links)).ok(t)
	sameInode(t, dst, "a large", "many/0", fmt.Sprintf("many/%d", n-1))
	sameInode(t, dst, "b small", "many/small")
	sameFile(t, filepath.Join(src, "a large"), filepath.Join(dst, "many", "7"))
	if s.sent.Moved > 6*mib || s.sent.Files != 2 {
		t.Errorf("%d files and %d bytes moved", s.sent.Files, s.sent.Moved)
	}
	if s = deliver(t, t.Context(), dst, contents(src), wishing(links, links)).ok(t); s.sent.Delivered != 0 {
		t.Errorf("again: %+v", s.sent)
	}
}

// A link shares the fate of what it is to.
func TestHardLinkToWhatIsNotDelivered(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "a"), 100, 1)
	must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "b")))
	must(t, os.WriteFile(filepath.Join(dst, "a"), []byte("in the way"), 0o644))
	s := deliver(t, t.Context(), dst, contents(src), wishing(links, links))
	if len(s.received.Failures) != 2 || s.received.Failures[1].Path != "b" || s.received.Failures[1].Code != framing.CodeConflict {
		t.Errorf("failures %v", s.received.Failures)
	}
	// Skipped, its links are too; under another name, it is that one.
	deliver(t, t.Context(), dst, contents(src), wishing(links, links), withPolicy(transfer.ConflictSkip)).skips(t, 2)
	if _, err := os.Lstat(filepath.Join(dst, "b")); err == nil {
		t.Error("a link was made to what stands in the way")
	}
	deliver(t, t.Context(), dst, contents(src), wishing(links, links), withPolicy(transfer.ConflictRename)).ok(t)
	sameInode(t, dst, "a (1)", "b")
	s = deliver(t, t.Context(), dst, contents(src), wishing(links, links), withPolicy(transfer.ConflictRename)).ok(t)
	if s.received.Same != 3 {
		t.Errorf("again: %+v", s.received)
	}
}

func TestDryRunOfHardLinks(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "x"} {
		write(t, filepath.Join(src, name), 100, 1)
		must(t, os.Link(filepath.Join(src, name), filepath.Join(src, name+"2")))
	}
	dry := func(so *send.Options, ro *receive.Options, _ *sides) {
		so.DryRun = true
		ro.Rehearse = func() (storage.Rehearsal, error) { return local.NewRehearsal(dst) }
		ro.OnConflict = transfer.ConflictOverwrite
	}
	deliver(t, t.Context(), dst, contents(src), wishing(links, links)).ok(t)
	s := deliver(t, t.Context(), "", contents(src), wishing(links, links), dry).ok(t)
	if s.sent.Same != 5 {
		t.Errorf("of what is there already: %+v", s.sent)
	}
	must(t, os.Remove(filepath.Join(dst, "a2")))
	write(t, filepath.Join(dst, "a2"), 100, 1)
	must(t, os.Remove(filepath.Join(dst, "x2")))
	s = deliver(t, t.Context(), "", contents(src), wishing(links, links), dry).ok(t)
	if s.sent.Same != 3 || s.sent.Delivered != 2 || s.sent.Replaced != 1 {
		t.Errorf("of one that is two files, and one that is gone: %+v", s.sent)
	}
}

// What the receiver does not permit is declined, told on both sides once, and
// the items arrive without it.
func TestWishesAreDeclined(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "a"), 100, 1)
	must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "b")))
	must(t, syscall.Mkfifo(filepath.Join(src, "p"), 0o600))
	all := tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	s := deliver(t, t.Context(), dst, contents(src), wishing(all, tree.Metadata{Xattrs: true})).ok(t)
	for _, r := range []transfer.Result{s.sent, s.received} {
		var what []tree.Attr
		for _, l := range r.Lost {
			what = append(what, l.What)
			if l.Items != 0 || l.Code != framing.CodeDeclined {
				t.Errorf("%+v", l)
			}
		}
		if fmt.Sprint(what) != fmt.Sprint([]tree.Attr{tree.AttrOwner, tree.AttrHardLink, tree.AttrSpecialFile}) {
			t.Errorf("declined: %v", what)
		}
	}
	if notices := find[transfer.Notice](s.sendSaw); len(notices) != 1 || filepath.Base(notices[0].Path) != "p" {
		t.Errorf("notices %v", notices)
	}
	a, err := os.Stat(filepath.Join(dst, "a"))
	must(t, err)
	b, err := os.Stat(filepath.Join(dst, "b"))
	must(t, err)
	if os.SameFile(a, b) {
		t.Error("the names are of one file")
	}
}

// stored is the space that a file takes, in bytes.
func stored(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	must(t, syscall.Stat(path, &st))
	return st.Blocks * 512
}

// sparse makes a file of that many bytes with data in one place, and skips the
// test where holes take space.
func sparse(t *testing.T, path string, size, data int64) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	must(t, f.Truncate(size))
	if stored(t, path) > 0 {
		t.Skip("the file system keeps no holes")
	}
	_, err = f.WriteAt([]byte("data"), data)
	must(t, err)
	must(t, f.Close())
	old := syscall.NsecToTimeval(1e18)
	must(t, syscall.Utimes(path, []syscall.Timeval{old, old}))
}

// Holes cross the network as a word and are not written.
func TestHolesStayHoles(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "sparse")
	sparse(t, path, 120*mib+5, 40*mib+7)
	s := deliver(t, t.Context(), dst, contents(src)).ok(t)
	sameFile(t, path, filepath.Join(dst, "sparse"))
	if a, b := stored(t, path), stored(t, filepath.Join(dst, "sparse")); b > a+32<<10 {
		t.Errorf("the source takes %d bytes and the destination %d", a, b)
	}
	if s.sent.Moved != mib || s.received.Moved != mib || s.sent.Bytes != 120*mib+5 {
		t.Errorf("moved %d and %d of %d", s.sent.Moved, s.received.Moved, s.sent.Bytes)
	}
	if w := s.sent.Wire; w > 2*mib {
		t.Errorf("%d bytes went over the link", w)
	}
	for _, e := range find[transfer.Progress](s.sendSaw) {
		if e.Bytes > e.Total && e.Exact {
			t.Fatalf("progress %+v", e)
		}
	}
	// Compared with what is there, and as an update of it.
	byDigest := func(so *send.Options, _ *receive.Options, _ *sides) { so.Checksum = true }
	if s = deliver(t, t.Context(), dst, contents(src), byDigest).ok(t); s.sent.Same != 2 || s.sent.Moved != 0 {
		t.Errorf("compared: %+v", s.sent)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("more"), 80*mib)
	must(t, err)
	must(t, f.Close())
	s = deliver(t, t.Context(), dst, contents(src), withPolicy(transfer.ConflictOverwrite)).ok(t)
	sameFile(t, path, filepath.Join(dst, "sparse"))
	if a, b := stored(t, path), stored(t, filepath.Join(dst, "sparse")); b > a+32<<10 || s.sent.Moved != mib {
		t.Errorf("updated: the source takes %d bytes and the destination %d; %d moved", a, b, s.sent.Moved)
	}
	// In an archive and raw, holes are zeros.
	var out bytes.Buffer
	deliver(t, t.Context(), "", named(path), toOutput(&out)).ok(t)
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(out.Bytes(), want) {
		t.Error("the raw bytes differ")
	}
}

// A file of one chunk or less comes as a whole, and keeps its holes just as well.
func TestHolesOfSmallFilesStayHoles(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, f := range []struct {
		name       string
		size, data int64
	}{{"middle", 300 << 10, 100 << 10}, {"chunk", mib, mib - 4}, {"begin", 200<<10 + 1, 0}} {
		sparse(t, filepath.Join(src, f.name), f.size, f.data)
	}
	hollow := filepath.Join(src, "hollow")
	must(t, os.WriteFile(hollow, nil, 0o644))
	must(t, os.Truncate(hollow, 500<<10+7))
	write(t, filepath.Join(src, "dense"), 300<<10, 1)
	must(t, os.WriteFile(filepath.Join(src, "zeros"), make([]byte, 300<<10), 0o644))
	s := deliver(t, t.Context(), dst, contents(src)).ok(t)
	for _, name := range []string{"middle", "chunk", "begin", "hollow", "dense", "zeros"} {
		a, b := filepath.Join(src, name), filepath.Join(dst, name)
		sameFile(t, a, b)
		if is, was := stored(t, b), stored(t, a); is > was+8<<10 || is < was-8<<10 {
			t.Errorf("%s takes %d bytes, at its source %d", name, is, was)
		}
	}
	if s.sent.Bytes != s.received.Bytes {
		t.Errorf("%+v", s.sent)
	}
}

// cramped is a destination with little room.
type cramped struct {
	storage.Destination
	free int64
}

func (c cramped) Free() (int64, error) { return c.free, nil }

func TestHolesNeedNoRoom(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	sparse(t, filepath.Join(src, "sparse"), 20*mib, 10*mib)
	room := func(_ *send.Options, ro *receive.Options, _ *sides) {
		ro.Destination = cramped{ro.Destination, 2 * mib}
	}
	deliver(t, t.Context(), dst, contents(src), room).ok(t)
	sameFile(t, filepath.Join(src, "sparse"), filepath.Join(dst, "sparse"))
	write(t, filepath.Join(src, "dense"), 20*mib, 1)
	s := deliver(t, t.Context(), dst, contents(src), room)
	var e *transfer.Error
	if !errors.As(s.receiveErr, &e) || e.Code != framing.CodeNoSpace {
		t.Errorf("what has none: %v", s.receiveErr)
	}
}

// An archive has what was permitted, in the records that tar programs read.
func TestArchiveHasMetadata(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "a"), 100, 1)
	must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "b")))
	must(t, os.Symlink("a", filepath.Join(src, "l")))
	must(t, syscall.Mkfifo(filepath.Join(src, "p"), 0o640))
	must(t, syscall.Chmod(filepath.Join(src, "a"), 0o4755))
	me, err := user.Current()
	must(t, err)
	all := tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	listing := func(permit tree.Metadata) (lines []string) {
		t.Helper()
		var out bytes.Buffer
		deliver(t, t.Context(), "", contents(src), toOutput(&out), wishing(all, permit)).ok(t)
		for r := tar.NewReader(&out); ; {
			h, err := r.Next()
			if err == io.EOF {
				return lines
			}
			must(t, err)
			lines = append(lines, fmt.Sprintf("%s %c %o %d %s %v", h.Name, h.Typeflag, h.Mode, h.Size, h.Linkname, h.Uid == os.Geteuid() && h.Uname == me.Username))
		}
	}
	want := "a 0 4755 100  true; b 1 4755 0 a false; l 2 777 0 a true; p 6 640 0  true"
	if got := strings.Join(listing(all), "; "); got != want {
		t.Errorf("permitted all:\n%s\nwant\n%s", got, want)
	}
	want = "a 0 755 100  false; b 0 755 100  false; l 2 777 0 a false"
	if got := strings.ReplaceAll(strings.Join(listing(tree.Metadata{}), "; "), "true", "false"); got != want {
		t.Errorf("permitted nothing:\n%s\nwant\n%s", got, want)
	}
}
