package local_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree/treetest"
)

// late is a destination where something happens at the end, after everything was read.
type late struct {
	storage.Destination
	then func()
	fail error
}

func (l late) Finish() (storage.Report, error) {
	r, err := l.Destination.Finish()
	l.then()
	if l.fail != nil {
		return storage.Report{}, l.fail
	}
	return r, err
}

func copyAndRemove(t *testing.T, src string, then func(), fail error) (transfer.Result, error) {
	t.Helper()
	dst, err := local.NewFolder(t.TempDir(), local.FolderOptions{})
	deliverytest.Must(t, err)
	defer dst.Close()
	return local.Copy(t.Context(), local.Options{
		Send:    send.Options{Sources: deliverytest.Contents(src), Remove: &send.Removal{}},
		Receive: receive.Options{Destination: late{dst, then, fail}, OnConflict: transfer.ConflictOverwrite},
	})
}

// A source that changes between its reading and the receipt stays, however it changes.
func TestRemovalLeavesWhatChanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"written": func(p string) error { return os.WriteFile(p, []byte("another"), 0o600) },
		"same size and time": func(p string) error {
			info, err := os.Stat(p)
			if err == nil {
				err = os.WriteFile(p, make([]byte, info.Size()), 0o600)
			}
			return errors.Join(err, os.Chtimes(p, time.Now(), info.ModTime()))
		},
		"replaced": func(p string) error {
			return errors.Join(os.WriteFile(p+".new", []byte("another"), 0o600), os.Rename(p+".new", p))
		},
		"a link": func(p string) error { return errors.Join(os.Rename(p, p+".moved"), os.Symlink(p+".moved", p)) },
		"a folder": func(p string) error {
			return errors.Join(os.Remove(p), os.Mkdir(p, 0o700), os.WriteFile(filepath.Join(p, "f"), nil, 0o600))
		},
		"its folder": func(p string) error {
			d := filepath.Dir(p)
			return errors.Join(os.Rename(d, d+".moved"), os.Mkdir(d, 0o700), os.WriteFile(p, []byte("another"), 0o600))
		},
	} {
		if name == "a link" && !treetest.Has(t, treetest.Links) {
			continue
		}
		src := filepath.Join(t.TempDir(), "src")
		at := filepath.Join(src, "d", "f")
		deliverytest.Write(t, at, 1000, 1)
		deliverytest.Write(t, filepath.Join(src, "g"), 3<<20, 2)
		r, err := copyAndRemove(t, src, func() { deliverytest.Must(t, change(at)) }, nil)
		var left *send.NotRemovedError
		if !errors.As(err, &left) || left.Items != 1 || r.Failed != 1 || r.Removed != 1 || !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("%s: ended with %v, %d failed, %d removed", name, err, r.Failed, r.Removed)
		}
		if _, err := os.Lstat(at); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(filepath.Join(src, "g")); err == nil {
			t.Errorf("%s: what did not change is there", name)
		}
	}
}

// Somebody else may be faster: there is nothing left to do.
func TestRemovalOfWhatIsGone(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	at := filepath.Join(src, "f")
	deliverytest.Write(t, at, 1000, 1)
	r, err := copyAndRemove(t, src, func() { deliverytest.Must(t, os.Remove(at)) }, nil)
	if err != nil || r.Removed != 0 {
		t.Errorf("ended with %v, %d removed", err, r.Removed)
	}
}

// Without a receipt everything stays.
func TestRemovalTakesAReceipt(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	at := filepath.Join(src, "f")
	deliverytest.Write(t, at, 1000, 1)
	r, err := copyAndRemove(t, src, func() {}, &storage.Error{Kind: storage.IO, Op: "syncing", Err: errors.New("the disk is gone")})
	if err == nil || r.Removed != 0 {
		t.Errorf("ended with %v, %d removed", err, r.Removed)
	}
	if _, err := os.Lstat(at); err != nil {
		t.Error(err)
	}
}

// An end while sources are removed says so: all of the delivery is there.
func TestRemovalInterrupted(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	for _, name := range []string{"a", "b", "c"} {
		deliverytest.Write(t, filepath.Join(src, name), 1000, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	dst, err := local.NewFolder(t.TempDir(), local.FolderOptions{})
	deliverytest.Must(t, err)
	defer dst.Close()
	r, err := local.Copy(ctx, local.Options{
		Send: send.Options{Sources: deliverytest.Contents(src), Remove: &send.Removal{}, Observer: ending(func(e transfer.Event) {
			if _, ok := e.(transfer.ItemRemoved); ok {
				cancel()
			}
		})},
		Receive: receive.Options{Destination: dst},
	})
	var left *send.NotRemovedError
	if !errors.As(err, &left) || !errors.Is(err, context.Canceled) || r.Removed != 1 || r.Delivered != 3 {
		t.Errorf("ended with %v, %d delivered, %d removed", err, r.Delivered, r.Removed)
	}
}

type ending func(transfer.Event)

func (f ending) Observe(e transfer.Event) { f(e) }

// What the source has not is deleted before the sources go: then it has nothing.
func TestRemovalWithDeletion(t *testing.T) {
	src, dst := layMirror(t)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer d.Close()
	r, err := local.Copy(t.Context(), local.Options{
		Send:    send.Options{Sources: deliverytest.Contents(src), Checksum: true, Remove: &send.Removal{}},
		Receive: receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite},
		Delete:  &local.Delete{Max: 100},
	})
	if err != nil || r.Removed != 4 || r.Deleted == 0 {
		t.Errorf("ended with %v: %d removed, %d deleted", err, r.Removed, r.Deleted)
	}
	for path, want := range map[string]bool{filepath.Join(src, "a"): false, filepath.Join(dst, "a"): true, filepath.Join(dst, "x"): false} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What the deletion before a removal kept and could not put on stable storage is in the
// result, and then the sources stay.
func TestRemovalAfterDeletionThatMayNotLast(t *testing.T) {
	for _, lasts := range []bool{true, false} {
		src, dst := layMirror(t)
		deliverytest.Must(t, os.WriteFile(filepath.Join(dst, "a"), []byte("older"), 0o644))
		d, err := local.NewFolder(dst, local.FolderOptions{})
		deliverytest.Must(t, err)
		defer d.Close()
		r, err := local.Copy(t.Context(), local.Options{
			Send:    send.Options{Sources: deliverytest.Contents(src), Checksum: true, Remove: &send.Removal{}},
			Receive: receive.Options{Destination: forgetful{d, d.(storage.Pruner), lasts}, OnConflict: transfer.ConflictOverwrite, Backup: &transfer.Backup{Suffix: "~"}},
			Delete:  &local.Delete{Max: 100},
		})
		if r.Backups != 1+6 {
			t.Errorf("%d backups, want one of what was replaced and 6 of what was deleted", r.Backups)
		}
		left := (*transfer.NotRemovedError)(nil)
		if stays := errors.As(err, &left); stays == lasts || (r.Unsynced == nil) != lasts || r.Durable != lasts || (r.Removed > 0) != lasts {
			t.Errorf("lasts %v: ended with %v, %d removed, durable %v, unsynced %v", lasts, err, r.Removed, r.Durable, r.Unsynced)
		}
	}
}

// forgetful is a folder whose deletions may not last.
type forgetful struct {
	storage.Destination
	storage.Pruner
	lasts bool
}

func (f forgetful) Unsynced() error {
	if f.lasts {
		return nil
	}
	return errors.New("no stable storage")
}

// What only the receiver knows is told to the observer of a copy, also where the receiver has
// one of its own.
func TestBothObserversHear(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "f"), 11, 2)
	beside := new(deliverytest.Recorder)
	saw, _, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) {
		o.Receive.Observer, o.Receive.Backup = beside, &transfer.Backup{Suffix: "~"}
	})
	deliverytest.Must(t, err)
	for who, r := range map[string]*deliverytest.Recorder{"the copy's": saw, "the receiver's": beside} {
		if n := len(deliverytest.Find[transfer.ItemKept](r)); n != 1 {
			t.Errorf("%s observer heard of %d backups", who, n)
		}
	}
}
