//go:build unix

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
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

func sameInode(t *testing.T, dir string, names ...string) {
	t.Helper()
	first, err := os.Lstat(filepath.Join(dir, names[0]))
	deliverytest.Must(t, err)
	for _, name := range names[1:] {
		info, err := os.Lstat(filepath.Join(dir, name))
		deliverytest.Must(t, err)
		if !os.SameFile(first, info) {
			t.Errorf("%s and %s are two files", names[0], name)
		}
	}
}

// Links come before and after the verdict on their item, small and large, more
// of them than the window of entries holds.
func TestHardLinks(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "many"), 0o755))
	deliverytest.Write(t, filepath.Join(src, "a large"), 5*deliverytest.MiB+1, 1)
	deliverytest.Write(t, filepath.Join(src, "b small"), 100, 2)
	const n = 17000 // above flow.EntryWindow
	for i := range n {
		deliverytest.Must(t, os.Link(filepath.Join(src, "a large"), filepath.Join(src, "many", fmt.Sprint(i))))
	}
	deliverytest.Must(t, os.Link(filepath.Join(src, "b small"), filepath.Join(src, "many", "small")))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks)).OK(t)
	sameInode(t, dst, "a large", "many/0", fmt.Sprintf("many/%d", n-1))
	sameInode(t, dst, "b small", "many/small")
	deliverytest.SameFile(t, filepath.Join(src, "a large"), filepath.Join(dst, "many", "7"))
	if s.Sent.Moved > 6*deliverytest.MiB || s.Sent.Files != 2 {
		t.Errorf("%d files and %d bytes moved", s.Sent.Files, s.Sent.Moved)
	}
	if s = deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks)).OK(t); s.Sent.Delivered != 0 {
		t.Errorf("again: %+v", s.Sent)
	}
}

// A link shares the fate of what it is to.
func TestHardLinkToWhatIsNotDelivered(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 100, 1)
	deliverytest.Must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "b")))
	deliverytest.Must(t, os.WriteFile(filepath.Join(dst, "a"), []byte("in the way"), 0o644))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks))
	if len(s.Received.Failures) != 2 || s.Received.Failures[1].Path != "b" || s.Received.Failures[1].Code != framing.CodeConflict {
		t.Errorf("failures %v", s.Received.Failures)
	}
	// Skipped, its links are too; under another name, it is that one.
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks), deliverytest.WithPolicy(transfer.ConflictSkip)).Skips(t, 2)
	if _, err := os.Lstat(filepath.Join(dst, "b")); err == nil {
		t.Error("a link was made to what stands in the way")
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks), deliverytest.WithPolicy(transfer.ConflictRename)).OK(t)
	sameInode(t, dst, "a (1)", "b")
	s = deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks), deliverytest.WithPolicy(transfer.ConflictRename)).OK(t)
	if s.Received.Same != 3 {
		t.Errorf("again: %+v", s.Received)
	}
}

func TestDryRunOfHardLinks(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "x"} {
		deliverytest.Write(t, filepath.Join(src, name), 100, 1)
		deliverytest.Must(t, os.Link(filepath.Join(src, name), filepath.Join(src, name+"2")))
	}
	dry := func(so *send.Options, ro *receive.Options, _ *deliverytest.Sides) {
		so.DryRun = true
		ro.Rehearse = func() (storage.Destination, error) { return local.NewRehearsal(dst, local.FolderOptions{}) }
		ro.OnConflict = transfer.ConflictOverwrite
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks)).OK(t)
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks), dry).OK(t)
	if s.Sent.Same != 5 {
		t.Errorf("of what is there already: %+v", s.Sent)
	}
	deliverytest.Must(t, os.Remove(filepath.Join(dst, "a2")))
	deliverytest.Write(t, filepath.Join(dst, "a2"), 100, 1)
	deliverytest.Must(t, os.Remove(filepath.Join(dst, "x2")))
	s = deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.Wishing(hardLinks, hardLinks), dry).OK(t)
	if s.Sent.Same != 3 || s.Sent.Delivered != 2 || s.Sent.Replaced != 1 {
		t.Errorf("of one that is two files, and one that is gone: %+v", s.Sent)
	}
}

// What the receiver does not permit is declined, told on both sides once, and
// the items arrive without it.
func TestWishesAreDeclined(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 100, 1)
	deliverytest.Must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "b")))
	deliverytest.Must(t, syscall.Mkfifo(filepath.Join(src, "p"), 0o600))
	all := tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.Wishing(all, tree.Metadata{Xattrs: true})).OK(t)
	for _, r := range []transfer.Result{s.Sent, s.Received} {
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
	if notices := deliverytest.Find[transfer.Notice](s.SendSaw); len(notices) != 1 || filepath.Base(notices[0].Path) != "p" {
		t.Errorf("notices %v", notices)
	}
	a, err := os.Stat(filepath.Join(dst, "a"))
	deliverytest.Must(t, err)
	b, err := os.Stat(filepath.Join(dst, "b"))
	deliverytest.Must(t, err)
	if os.SameFile(a, b) {
		t.Error("the names are of one file")
	}
}

// stored is the space that a file takes, in bytes.
func stored(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	deliverytest.Must(t, syscall.Stat(path, &st))
	return st.Blocks * 512
}

// sparse makes a file of that many bytes with data in one place, and skips the
// test where holes take space.
func sparse(t *testing.T, path string, size, data int64) {
	t.Helper()
	f, err := os.Create(path)
	deliverytest.Must(t, err)
	deliverytest.Must(t, f.Truncate(size))
	if stored(t, path) > 0 {
		t.Skip("the file system keeps no holes")
	}
	_, err = f.WriteAt([]byte("data"), data)
	deliverytest.Must(t, err)
	deliverytest.Must(t, f.Close())
	old := syscall.NsecToTimeval(1e18)
	deliverytest.Must(t, syscall.Utimes(path, []syscall.Timeval{old, old}))
}

// Holes cross the network as a word and are not written.
func TestHolesStayHoles(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "sparse")
	sparse(t, path, 120*deliverytest.MiB+5, 40*deliverytest.MiB+7)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	deliverytest.SameFile(t, path, filepath.Join(dst, "sparse"))
	if a, b := stored(t, path), stored(t, filepath.Join(dst, "sparse")); b > a+32<<10 {
		t.Errorf("the source takes %d bytes and the destination %d", a, b)
	}
	if s.Sent.Moved != deliverytest.MiB || s.Received.Moved != deliverytest.MiB || s.Sent.Bytes != 120*deliverytest.MiB+5 {
		t.Errorf("moved %d and %d of %d", s.Sent.Moved, s.Received.Moved, s.Sent.Bytes)
	}
	if w := s.Sent.Wire; w > 2*deliverytest.MiB {
		t.Errorf("%d bytes went over the link", w)
	}
	for _, e := range deliverytest.Find[transfer.Progress](s.SendSaw) {
		if e.Bytes > e.Total && e.Exact {
			t.Fatalf("progress %+v", e)
		}
	}
	// Compared with what is there, and as an update of it.
	byDigest := func(so *send.Options, _ *receive.Options, _ *deliverytest.Sides) { so.Checksum = true }
	if s = deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), byDigest).OK(t); s.Sent.Same != 2 || s.Sent.Moved != 0 {
		t.Errorf("compared: %+v", s.Sent)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	deliverytest.Must(t, err)
	_, err = f.WriteAt([]byte("more"), 80*deliverytest.MiB)
	deliverytest.Must(t, err)
	deliverytest.Must(t, f.Close())
	s = deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictOverwrite)).OK(t)
	deliverytest.SameFile(t, path, filepath.Join(dst, "sparse"))
	if a, b := stored(t, path), stored(t, filepath.Join(dst, "sparse")); b > a+32<<10 || s.Sent.Moved != deliverytest.MiB {
		t.Errorf("updated: the source takes %d bytes and the destination %d; %d moved", a, b, s.Sent.Moved)
	}
	// In an archive and raw, holes are zeros.
	var out bytes.Buffer
	deliverytest.Deliver(t, t.Context(), "", deliverytest.Named(path), deliverytest.ToOutput(&out)).OK(t)
	want, err := os.ReadFile(path)
	deliverytest.Must(t, err)
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
	}{{"middle", 300 << 10, 100 << 10}, {"chunk", deliverytest.MiB, deliverytest.MiB - 4}, {"begin", 200<<10 + 1, 0}} {
		sparse(t, filepath.Join(src, f.name), f.size, f.data)
	}
	hollow := filepath.Join(src, "hollow")
	deliverytest.Must(t, os.WriteFile(hollow, nil, 0o644))
	deliverytest.Must(t, os.Truncate(hollow, 500<<10+7))
	deliverytest.Write(t, filepath.Join(src, "dense"), 300<<10, 1)
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "zeros"), make([]byte, 300<<10), 0o644))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	for _, name := range []string{"middle", "chunk", "begin", "hollow", "dense", "zeros"} {
		a, b := filepath.Join(src, name), filepath.Join(dst, name)
		deliverytest.SameFile(t, a, b)
		if is, was := stored(t, b), stored(t, a); is > was+8<<10 || is < was-8<<10 {
			t.Errorf("%s takes %d bytes, at its source %d", name, is, was)
		}
	}
	if s.Sent.Bytes != s.Received.Bytes {
		t.Errorf("%+v", s.Sent)
	}
}

// cramped is a destination with little room.
type cramped struct {
	storage.Destination
	free int64
}

func (c cramped) Start(m tree.Metadata) (*storage.Landing, error) {
	l, err := c.Destination.Start(m)
	if err == nil {
		l.Finder = withFree{l.Finder, c.free}
	}
	return l, err
}

// withFree is a place with so much room.
type withFree struct {
	storage.Finder
	free int64
}

func (f withFree) Free() (int64, error) { return f.free, nil }

func TestHolesNeedNoRoom(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	sparse(t, filepath.Join(src, "sparse"), 20*deliverytest.MiB, 10*deliverytest.MiB)
	room := func(_ *send.Options, ro *receive.Options, _ *deliverytest.Sides) {
		ro.Destination = cramped{ro.Destination, 2 * deliverytest.MiB}
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), room).OK(t)
	deliverytest.SameFile(t, filepath.Join(src, "sparse"), filepath.Join(dst, "sparse"))
	deliverytest.Write(t, filepath.Join(src, "dense"), 20*deliverytest.MiB, 1)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), room)
	var e *transfer.Error
	if !errors.As(s.ReceiveErr, &e) || e.Code != framing.CodeNoSpace {
		t.Errorf("what has none: %v", s.ReceiveErr)
	}
}

// An archive has what was permitted, in the records that tar programs read.
func TestArchiveHasMetadata(t *testing.T) {
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 100, 1)
	deliverytest.Must(t, os.Link(filepath.Join(src, "a"), filepath.Join(src, "b")))
	deliverytest.Must(t, os.Symlink("a", filepath.Join(src, "l")))
	deliverytest.Must(t, syscall.Mkfifo(filepath.Join(src, "p"), 0o640))
	deliverytest.Must(t, syscall.Chmod(filepath.Join(src, "a"), 0o4755))
	me, err := user.Current()
	deliverytest.Must(t, err)
	all := tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	listing := func(permit tree.Metadata) (lines []string) {
		t.Helper()
		var out bytes.Buffer
		deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.ToOutput(&out), deliverytest.Wishing(all, permit)).OK(t)
		for r := tar.NewReader(&out); ; {
			h, err := r.Next()
			if err == io.EOF {
				return lines
			}
			deliverytest.Must(t, err)
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
