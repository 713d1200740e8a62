package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// tired is a folder that fails at one write of content, and tells of each.
type tired struct {
	storage.Destination
	writes atomic.Int64
	last   int64 // the write that fails; 0: none does
	err    *storage.Error
	wrote  func(n int64)
}

func (d *tired) Start(granted tree.Metadata) (*storage.Landing, error) {
	l, err := d.Destination.Start(granted)
	if err == nil {
		with := *l
		with.Files = tiredFiles{l.Files, d}
		l = &with
	}
	return l, err
}

type tiredFiles struct {
	storage.Files
	of *tired
}

func (f tiredFiles) Begin(e *tree.Entry, sparse bool) (storage.Partial, error) {
	p, err := f.Files.Begin(e, sparse)
	return &tiredPartial{p, f.of}, err
}

func (f tiredFiles) Publish(batch []*storage.Publication) error {
	for _, p := range batch {
		if t, ok := p.Partial.(*tiredPartial); ok {
			p.Partial = t.Partial
		}
	}
	return f.Files.Publish(batch)
}

type tiredPartial struct {
	storage.Partial
	of *tired
}

func (p *tiredPartial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	n := p.of.writes.Add(1)
	if p.of.wrote != nil {
		p.of.wrote(n)
	}
	if n == p.of.last {
		return p.of.err
	}
	return p.Partial.WriteChunk(index, b, cv)
}

// layMany makes a source of many small files and some that are not.
func layMany(t *testing.T) (src string) {
	src = filepath.Join(t.TempDir(), "src")
	for i := range 300 {
		deliverytest.Write(t, filepath.Join(src, "small", strings.Repeat("x", i%7), string(rune('a'+i%26))+strings.Repeat("y", i/26)), i, uint64(i))
	}
	for i := range 4 {
		deliverytest.Write(t, filepath.Join(src, "large", string(rune('a'+i))), (3*i+1)*deliverytest.MiB/2, uint64(i))
	}
	return src
}

// What fails at the destination while content is handed over ends a copy as it ends a
// delivery over a link, or fails the item, and what has a name is whole.
func TestCopyFailsTheSameOverALink(t *testing.T) {
	src := layMany(t)
	for _, kind := range []storage.Kind{storage.NoSpace, storage.Gone, storage.Permission} {
		var near framing.Code
		var failed int64
		for _, user := range users() {
			dst := t.TempDir()
			d, err := local.NewFolder(dst, local.FolderOptions{})
			deliverytest.Must(t, err)
			there := &tired{Destination: d, last: 5, err: &storage.Error{Kind: kind, Op: "writing", Path: "x", Err: errors.New("worn out")}}
			r, err := copyAs(t, user, local.Options{
				Send:    send.Options{Sources: deliverytest.Contents(src)},
				Receive: receive.Options{Destination: there, OnConflict: transfer.ConflictOverwrite},
			})
			deliverytest.Must(t, d.Close())
			var own *transfer.Error
			code := framing.CodeNone
			if errors.As(err, &own) {
				code = own.Code
			}
			if user == "" {
				near, failed = code, r.Failed
			}
			if err == nil || code != near || r.Failed != failed {
				t.Errorf("%v, user %q: %v, code %v, %d failed; at first it was code %v, %d failed", kind, user, err, code, r.Failed, near, failed)
			}
			wholeOrAbsent(t, src, dst)
		}
	}
}

// wholeOrAbsent looks at all that has a name at the destination.
func wholeOrAbsent(t *testing.T, src, dst string) {
	t.Helper()
	deliverytest.Must(t, filepath.WalkDir(dst, func(p string, e os.DirEntry, err error) error {
		switch rel, _ := filepath.Rel(dst, p); {
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), tree.PartialName):
			return filepath.SkipDir
		case !e.IsDir():
			deliverytest.SameFile(t, filepath.Join(src, rel), p)
		}
		return nil
	}))
}

// A copy that is interrupted goes on with what it has when it is run again.
func TestCopyGoesOn(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const chunks = 24
	b := make([]byte, chunks*deliverytest.MiB+1)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "f"), b, 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	copyTo := func(ctx context.Context, wrote func(int64)) (transfer.Result, error) {
		d, err := local.NewFolder(dst, local.FolderOptions{})
		deliverytest.Must(t, err)
		defer d.Close()
		return local.Copy(ctx, local.Options{
			Send:    send.Options{Sources: deliverytest.Contents(src)},
			Receive: receive.Options{Destination: &tired{Destination: d, wrote: wrote}, OnConflict: transfer.ConflictOverwrite},
		})
	}
	_, err := copyTo(ctx, func(n int64) {
		if n == chunks/2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("it ended with %v", err)
	}
	r, err := copyTo(t.Context(), nil)
	if err != nil || r.Reused < chunks/4*deliverytest.MiB || r.Moved+r.Reused != int64(len(b)) {
		t.Errorf("%v: %d bytes moved, %d were there", err, r.Moved, r.Reused)
	}
	if got, err := os.ReadFile(filepath.Join(dst, "f")); err != nil || !bytes.Equal(got, b) {
		t.Errorf("the file is not there: %v", err)
	}
}
