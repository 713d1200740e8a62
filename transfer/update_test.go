package transfer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/dest"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A file of equal size is compared chunk by chunk with what it replaces; what differs
// moves, wherever it is, and the rest is taken from the old file.
func TestUpdateOfEqualSize(t *testing.T) {
	t.Parallel()
	const chunks = 150 // more than one page of the old file
	src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
	file, there := filepath.Join(src, "f"), filepath.Join(dst, "f")
	content := deliverytest.Write(t, file, chunks*deliverytest.MiB+5, 1)
	if _, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
		t.Fatalf("%v: %v", err, r.Failures)
	}
	for i, differ := range [][]int{{}, {0}, {chunks}, {chunks - 1}, {77}, {0, 1, 70, 149, 150}} {
		for _, at := range differ {
			content[at*deliverytest.MiB]++
		}
		deliverytest.Must(t, os.WriteFile(file, content, 0o640))
		deliverytest.Must(t, os.Chtimes(file, time.Time{}, time.Unix(1e9+int64(i), 0)))
		before, err := os.Stat(there)
		deliverytest.Must(t, err)
		os.SameFile(before, before) // on Windows a file is told by what the path leads to when that is asked first
		_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
		moved := int64(0)
		for _, at := range differ {
			moved += min(deliverytest.MiB, int64(len(content)-at*deliverytest.MiB))
		}
		if err != nil || r.Moved != moved {
			t.Errorf("%v differ: %v: %d moved, want %d", differ, err, r.Moved, moved)
		}
		got, err := os.ReadFile(there)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%v differ: the file is not there: %v", differ, err)
		}
		after, err := os.Stat(there)
		deliverytest.Must(t, err)
		if os.SameFile(before, after) != (len(differ) == 0) {
			t.Errorf("%v differ: the old file stays: %v", differ, os.SameFile(before, after))
		}
	}
}

// An update that was interrupted goes on with what it left, and with the old file for
// the rest.
func TestUpdateGoesOn(t *testing.T) {
	const chunks = 10
	src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
	file := filepath.Join(src, "f")
	content := deliverytest.Write(t, file, chunks*deliverytest.MiB, 1)
	deliverytest.Write(t, filepath.Join(dst, "f"), chunks*deliverytest.MiB, 1)
	for _, at := range []int{2, 5, 7} {
		content[at*deliverytest.MiB]++
	}
	deliverytest.Must(t, os.WriteFile(file, content, 0o640))
	mtime := time.Unix(1e9, 0)
	deliverytest.Must(t, os.Chtimes(file, time.Time{}, mtime))

	d, err := dest.Open(dst, dest.Options{})
	deliverytest.Must(t, err)
	l, err := d.Start(tree.Metadata{})
	deliverytest.Must(t, err)
	p, err := l.Files.Begin(&tree.Entry{ID: 1, Kind: tree.File, Name: "f", Size: chunks * deliverytest.MiB, Mode: 0o640, MTime: deliverytest.TimeOf(mtime)}, false)
	deliverytest.Must(t, err)
	for i := range uint64(chunks) {
		b := content[i*deliverytest.MiB : (i+1)*deliverytest.MiB]
		switch cv := checksum.Check(b, i, false); i {
		case 2, 5:
			deliverytest.Must(t, p.WriteChunk(i, b, cv))
		case 8:
			p.Mark(i, cv) // not true
		}
	}
	deliverytest.Must(t, p.Discard(true))
	deliverytest.Must(t, d.Close())

	_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if err != nil || r.Moved != deliverytest.MiB || r.Reused != (chunks-1)*deliverytest.MiB {
		t.Errorf("%v: %d moved, %d reused", err, r.Moved, r.Reused)
	}
	if got, err := os.ReadFile(filepath.Join(dst, "f")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file is not there: %v", err)
	}
}

// slowDestination shows the change of a file later than it was made, as file servers do.
type slowDestination struct {
	storage.Destination
	looks *atomic.Int64
}

func (d slowDestination) Start(m tree.Metadata) (*storage.Landing, error) {
	l, err := d.Destination.Start(m)
	if err == nil {
		l.Finder = slowFinder{l.Finder, d.looks}
	}
	return l, err
}

type slowFinder struct {
	storage.Finder
	looks *atomic.Int64
}

func (d slowFinder) Stat(e *tree.Entry) (tree.Info, error) {
	info, err := d.Finder.Stat(e)
	info.CTime.Sec += d.looks.Add(1)
	return info, err
}

func (d slowFinder) Unchanged(_ *tree.Entry, now, before tree.Info) bool {
	now.CTime = before.CTime
	return now.SameVersion(before)
}

// What the destination knows to be unchanged is left as it is, and not written again.
func TestUpdateWhereChangesShowLate(t *testing.T) {
	src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 3*deliverytest.MiB+1, 1)
	deliverytest.Write(t, filepath.Join(dst, "f"), 3*deliverytest.MiB+1, 1)
	there := filepath.Join(dst, "f")
	deliverytest.Must(t, os.Chtimes(there, time.Time{}, time.Unix(1e9, 0)))
	before, err := os.Stat(there)
	deliverytest.Must(t, err)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer func() { deliverytest.Must(t, d.Close()) }()
	r, err := local.Copy(t.Context(), local.Options{
		Send:    send.Options{Sources: deliverytest.Contents(src)},
		Receive: receive.Options{Destination: slowDestination{d, new(atomic.Int64)}, OnConflict: transfer.ConflictOverwrite},
	})
	if err != nil || r.Moved != 0 {
		t.Errorf("%v: %d moved", err, r.Moved)
	}
	after, err := os.Stat(there)
	deliverytest.Must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the file was written again")
	}
}
