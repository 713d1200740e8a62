package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree/treetest"
)

// users are where the user of a copy sits: at both ends, or at one of a link.
func users() []string { return []string{"", "sender", "receiver"} }

// ownCopy copies the contents of src to dst with deletion, and says what was deleted.
func ownCopy(t *testing.T, user, src, dst string, change func(*local.Options)) (deleted []string, r transfer.Result, err error) {
	t.Helper()
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer d.Close()
	saw := new(deliverytest.Recorder)
	o := local.Options{
		Send:    send.Options{Sources: deliverytest.Contents(src), Observer: saw},
		Receive: receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite, Links: transfer.LinksAll},
	}
	change(&o)
	r, err = copyAs(t, user, o)
	for _, e := range deliverytest.Find[transfer.ItemDeleted](saw) {
		deleted = append(deleted, e.Path)
	}
	slices.Sort(deleted)
	return deleted, r, err
}

func deleting(o *local.Options) { o.Delete = &local.Delete{Max: 100} }

// A source may lie in the destination, under another path: the deletion there leaves it and
// all in it alone, and what it is in, but not its neighbours.
func TestSourceInTheDestination(t *testing.T) {
	for _, user := range users() {
		dst := t.TempDir()
		src := filepath.Join(dst, "in", "src")
		deliverytest.Write(t, filepath.Join(src, "d/a"), 10, 1)
		deliverytest.Write(t, filepath.Join(dst, "in/b"), 10, 1)
		deliverytest.Write(t, filepath.Join(dst, "c"), 10, 1)
		elsewhere := filepath.Join(t.TempDir(), "way")
		if !treetest.Symlink(t, dst, elsewhere) {
			elsewhere = dst
		}
		deleted, _, err := ownCopy(t, user, filepath.Join(elsewhere, "in/src"), dst, deleting)
		if err != nil || !slices.Equal(deleted, []string{"c", "in/b"}) {
			t.Errorf("%q: %v: it deleted %q", user, err, deleted)
		}
		deliverytest.SameFile(t, filepath.Join(src, "d/a"), filepath.Join(dst, "d/a"))
	}
}

// What the source has at the top may be of another kind than the folder that the source
// lies in. That stays then.
func TestSourceInTheWay(t *testing.T) {
	for _, user := range users() {
		dst := t.TempDir()
		src := filepath.Join(dst, "in", "src")
		deliverytest.Write(t, filepath.Join(src, "in"), 10, 1)
		deliverytest.Write(t, filepath.Join(src, "a"), 10, 1)
		_, r, err := ownCopy(t, user, src, dst, deleting)
		if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != 1 {
			t.Errorf("%q: ended with %v: %+v", user, err, r)
		}
		if _, err := os.Lstat(filepath.Join(src, "in")); err != nil {
			t.Errorf("%q: %v", user, err)
		}
	}
}

// A folder that is copied to where it is stays what it is, whatever is to be removed.
func TestSourceIsTheDestination(t *testing.T) {
	for _, user := range users() {
		dst := t.TempDir()
		for _, name := range []string{"a", "d/b", "d/c"} {
			deliverytest.Write(t, filepath.Join(dst, name), 10, 1)
		}
		items := int64(3)
		if treetest.Symlink(t, "a", filepath.Join(dst, "l")) {
			items++
		}
		before := deliverytest.Snapshot(t, dst)
		deleted, r, err := ownCopy(t, user, dst, dst, func(o *local.Options) {
			deleting(o)
			o.Send.Checksum, o.Send.Remove = true, &send.Removal{}
		})
		var left *transfer.NotRemovedError
		if !errors.As(err, &left) || r.Removed != 0 || r.Failed != items || deleted != nil {
			t.Errorf("%q: ended with %v: deleted %q, %+v", user, err, deleted, r)
		}
		if deliverytest.Snapshot(t, dst) != before {
			t.Errorf("%q: it is another folder now", user)
		}
	}
}

// What was found at the destination, and is another file than the source, is removed there:
// that the other end is on this machine is no reason to leave it.
func TestRemoveWhatIsThere(t *testing.T) {
	for _, user := range users() {
		src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
		for _, name := range []string{"a", "d/b"} {
			deliverytest.Write(t, filepath.Join(src, name), 10, 1)
		}
		move := func(o *local.Options) { o.Send.Checksum, o.Send.Remove = true, &send.Removal{} }
		if _, _, err := ownCopy(t, user, src, dst, func(*local.Options) {}); err != nil {
			t.Fatal(err)
		}
		// A second name of the destination's file must stay: it is the file itself.
		deliverytest.Must(t, os.Link(filepath.Join(dst, "a"), filepath.Join(src, "own")))
		deliverytest.Must(t, os.Rename(filepath.Join(src, "own"), filepath.Join(src, "a")))
		_, r, err := ownCopy(t, user, src, dst, move)
		var left *transfer.NotRemovedError
		if !errors.As(err, &left) || left.Items != 1 || r.Removed != 1 {
			t.Errorf("%q: ended with %v: %+v", user, err, r)
		}
		if _, err := os.Lstat(filepath.Join(src, "d/b")); err == nil {
			t.Errorf("%q: the source has it still", user)
		}
	}
}

// relayed is a link whose other side seems to be elsewhere.
type relayed struct{ *link.Link }

func (l relayed) Peer() (string, uint64, uint16) {
	_, caps, version := l.Link.Peer()
	return "192.0.2.1:33780", caps, version
}

// A receiver on this machine is known by whatever way it is reached: what it has found where
// it was read from is not removed.
func TestRemovalByARelayIntoItself(t *testing.T) {
	if _, err := os.Stat("/proc/sys/kernel/random/boot_id"); err != nil {
		t.Skip(err)
	}
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	d, err := local.NewFolder(src, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer d.Close()
	a, b, err := link.Pipe(link.Config{Role: link.Sender}, link.Config{Role: link.Receiver})
	deliverytest.Must(t, err)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _, _ = receive.Receive(t.Context(), b, receive.Options{Destination: d}) })
	_, err = send.Send(t.Context(), relayed{a}, send.Options{Sources: deliverytest.Contents(src), Checksum: true, Remove: &send.Removal{}})
	if left := (*transfer.NotRemovedError)(nil); !errors.As(err, &left) || left.Items != 1 {
		t.Errorf("ended with %v", err)
	}
	if _, err := os.Lstat(filepath.Join(src, "f")); err != nil {
		t.Error(err)
	}
}
