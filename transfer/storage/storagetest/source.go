package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Original is a file that a Source is of.
type Original interface {
	Source() storage.Source
	// Change gives the file other content, in place, and another mtime.
	Change(t testing.TB, data []byte, mtime tree.Time)
	// Replace gives the name to another file. It reports false if that cannot be.
	Replace(t testing.TB, data []byte, mtime tree.Time) bool
	// Remove takes the name away. It reports false if that cannot be.
	Remove(t testing.TB) bool
}

// Source tries Sources against what package storage says of them. Fresh makes a file of
// that content.
func Source(t *testing.T, fresh func(t *testing.T, data []byte, mtime tree.Time) Original) {
	of := func(t *testing.T, n int) Original { return fresh(t, content(n, 1), someTime) }
	t.Run("content is read", func(t *testing.T) {
		for _, n := range sizes {
			readSource(t, of(t, n).Source(), content(n, 1))
		}
	})
	t.Run("small files are read at once", func(t *testing.T) {
		for _, c := range []struct{ size, room, want int }{{0, 10, 0}, {10, 20, 10}, {10, 10, 10}, {20, 10, 10}} {
			buf := make([]byte, c.room)
			n, before, after, err := of(t, c.size).Source().ReadSmall(buf)
			if err != nil || n != c.want || !bytes.Equal(buf[:n], content(c.size, 1)[:n]) || int(before.Size) != c.size || !after.SameVersion(before) {
				t.Errorf("%+v: %d bytes, %+v, %+v, %v", c, n, before, after, err)
			}
		}
	})
	for name, change := range map[string]func(t *testing.T, o Original) bool{
		"longer":      func(t *testing.T, o Original) bool { o.Change(t, content(3*chunk, 4), otherTime); return true },
		"shorter":     func(t *testing.T, o Original) bool { o.Change(t, content(10, 4), otherTime); return true },
		"as long":     func(t *testing.T, o Original) bool { o.Change(t, content(2*chunk, 4), otherTime); return true },
		"another one": func(t *testing.T, o Original) bool { return o.Replace(t, content(2*chunk, 4), someTime) },
	} {
		t.Run(fmt.Sprint("a change shows: ", name), func(t *testing.T) { changedSource(t, of(t, 2*chunk), change) })
	}
	t.Run("what is gone is gone", func(t *testing.T) {
		o := of(t, 10)
		if !o.Remove(t) {
			t.Skip("that cannot be done here")
		}
		if _, err := o.Source().Open(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open: %v", err)
		}
		if _, err := o.Source().Stat(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat: %v", err)
		}
	})
}

// readSource reads all that s has, in both ways.
func readSource(t *testing.T, s storage.Source, data []byte) {
	t.Helper()
	f, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	readsAs(t, f, data)
	if now, err := s.Stat(); err != nil || !now.SameVersion(f.Info()) || now.MTime != someTime {
		t.Errorf("Stat is %+v, %v, and nothing has changed", now, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	r, err := s.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes come as %d, %v", len(data), len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// changedSource changes a file that is being read.
func changedSource(t *testing.T, o Original, change func(t *testing.T, o Original) bool) {
	t.Helper()
	s := o.Source()
	f, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, chunk)
	if _, err := f.ReadAt(buf, 0); err != nil {
		t.Fatal(err)
	}
	if !change(t, o) {
		t.Skip("that cannot be done here")
	}
	_, _ = f.ReadAt(buf, chunk) // whatever comes of it
	byName, err := s.Stat()
	if err == nil && byName.SameVersion(f.Info()) {
		t.Errorf("nothing shows: %+v was %+v", byName, f.Info())
	}
}
