package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// sharing is a folder on a file system that lets files share what they have, and that keeps
// nothing of an attempt for the next one.
type sharing struct {
	storage.Destination
	begun atomic.Int64           // attempts
	hole  func(attempt int64)    // before the first hole of an attempt is made
	share func(p *sharesPartial) // as an attempt begins to share
}

func (d *sharing) Start(granted tree.Metadata) (*storage.Landing, error) {
	l, err := d.Destination.Start(granted)
	if err == nil {
		with := *l
		with.Files = sharingFiles{l.Files, d}
		l = &with
	}
	return l, err
}

type sharingFiles struct {
	storage.Files
	of *sharing
}

func (f sharingFiles) Begin(e *tree.Entry, sparse bool) (storage.Partial, error) {
	p, err := f.Files.Begin(e, sparse)
	return &sharesPartial{Partial: p, of: f.of, attempt: f.of.begun.Add(1)}, err
}

func (f sharingFiles) Publish(batch []*storage.Publication) error {
	for _, p := range batch {
		if s, ok := p.Partial.(*sharesPartial); ok {
			p.Partial = s.Partial
		}
	}
	return f.Files.Publish(batch)
}

type sharesPartial struct {
	storage.Partial
	of      *sharing
	attempt int64
	holes   atomic.Int64
}

// Share copies all that from has, which comes to the same.
func (p *sharesPartial) Share(from storage.File) bool {
	p.of.share(p)
	size := from.Info().Size
	for i := range checksum.Chunks(size) {
		b := make([]byte, checksum.ChunkLen(size, i))
		if _, err := from.ReadAt(b, int64(i)*checksum.ChunkSize); err != nil {
			return false
		}
		if err := p.Partial.WriteChunk(i, b, checksum.CV{}); err != nil {
			return false
		}
	}
	return true
}

func (p *sharesPartial) WriteHole(index uint64, n int, cv checksum.CV) error {
	if p.holes.Add(1) == 1 {
		p.of.hole(p.attempt)
	}
	return p.Partial.WriteHole(index, n, cv)
}

func (p *sharesPartial) Discard(bool) error { return p.Partial.Discard(false) }

// A file begins with holes, of which one is filled while the file is read. It is published as
// it was read: then its digest is of what is there. What it shares came before the holes.
func TestHolesOfWhatIsShared(t *testing.T) {
	const holes, attempts = 24, 3
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "f")
	data := deliverytest.Write(t, path, deliverytest.MiB, 1)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_TRUNC, 0)
	deliverytest.Must(t, err)
	_, err = f.WriteAt(data, holes*deliverytest.MiB)
	deliverytest.Must(t, err)
	defer f.Close()
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	there := &sharing{Destination: d, hole: func(attempt int64) {
		var err error
		if attempt < attempts {
			err = os.Chtimes(path, time.Time{}, time.Unix(attempt, 0))
		} else {
			_, err = f.WriteAt(data, 0)
		}
		deliverytest.Must(t, err)
	}, share: func(p *sharesPartial) {
		if n := p.holes.Load(); n > 0 {
			t.Errorf("attempt %d shares when %d holes were made", p.attempt, n)
		}
	}}
	saw := new(deliverytest.Recorder)
	_, err = local.Copy(t.Context(), local.Options{
		Send:    send.Options{Sources: deliverytest.Contents(src), Observer: saw, AllowChanged: true},
		Receive: receive.Options{Destination: there, OnConflict: transfer.ConflictOverwrite},
	})
	deliverytest.Must(t, errors.Join(err, d.Close()))
	got, err := os.ReadFile(filepath.Join(dst, "f"))
	deliverytest.Must(t, err)
	for _, done := range deliverytest.Find[transfer.ItemDone](saw) {
		if done.Hashed && done.Digest != checksum.Sum(got) {
			t.Error("the digest is not of the bytes that are there")
		}
	}
	if n := there.begun.Load(); n != attempts {
		t.Errorf("%d attempts", n)
	}
}
