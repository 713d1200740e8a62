package object

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// file is an object that is read: a storage.File. What is read is of the version that was
// opened, or an error. A reader that goes from one place on is given one answer of the store
// for all of it; who reads elsewhere asks anew.
type file struct {
	s      *store
	object bucket.Object
	info   tree.Info

	mu   sync.Mutex // guards what follows, and is held while it is read
	body io.ReadCloser
	at   int64 // where body is
	next int64 // where the last reading ended
}

// Info is storage.File's.
func (f *file) Info() tree.Info { return f.info }

// Stat is storage.File's. An object has no content but that of its name.
func (f *file) Stat() (tree.Info, error) {
	o, err := f.s.b.Head(f.s.ctx, f.object.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return tree.Info{}, err
	}
	if err != nil {
		return tree.Info{}, fail("reading", f.object.Key, err)
	}
	i := infoOf(o, decodeMeta(o.Meta))
	if i.SameVersion(f.info) {
		i.Mode = f.info.Mode
	}
	return i, nil
}

// Cover is storage.File's.
func (f *file) Cover(int64, int64) tree.Cover { return tree.AllData }

// ReadAt is storage.File's.
func (f *file) ReadAt(b []byte, at int64) (n int, err error) {
	if at >= f.object.Size {
		return 0, io.EOF
	}
	want := b[:min(int64(len(b)), f.object.Size-at)]
	if len(want) == 0 {
		return 0, nil
	}
	if f.mu.TryLock() {
		n, err = f.follow(want, at)
		f.mu.Unlock()
	} else {
		n, err = f.piece(want, at)
	}
	if err != nil {
		if kindOf(err) == bucket.Precondition || errors.Is(err, fs.ErrNotExist) {
			err = storage.ErrChanged
		}
		return n, fail("reading", f.object.Key, err)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// follow reads on from where the last reading ended. Callers hold mu.
func (f *file) follow(b []byte, at int64) (n int, err error) {
	follows := at == f.next
	f.next = at + int64(len(b))
	if f.body == nil || f.at != at {
		f.drop()
		if !follows {
			return f.piece(b, at) // who goes on from here is given an answer for all that follows
		}
		if f.body, err = f.s.b.Get(f.s.ctx, f.object.Key, at, -1, f.object.ETag); err != nil {
			f.body = nil
			return 0, err
		}
	}
	n, err = io.ReadFull(f.body, b)
	f.at = at + int64(n)
	if err != nil {
		f.drop()
	}
	return n, err
}

// piece reads so much and no more.
func (f *file) piece(b []byte, at int64) (n int, err error) {
	body, err := f.s.b.Get(f.s.ctx, f.object.Key, at, int64(len(b)), f.object.ETag)
	if err != nil {
		return 0, err
	}
	n, err = io.ReadFull(body, b)
	return n, errors.Join(err, body.Close())
}

// drop ends the answer that is read.
func (f *file) drop() {
	if f.body != nil {
		_ = f.body.Close() // read only
		f.body = nil
	}
}

// Close is storage.File's.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
	return nil
}
