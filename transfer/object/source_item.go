package object

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"ferry/checksum"
	"ferry/transfer/internal/flow"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// item is an object: tree.AwayItem, and storage.Source unless it marks a folder.
type item struct {
	s  *Source
	in *bucket.Bucket

	mu     sync.Mutex    // guards what follows
	object bucket.Object // what was listed, and then what a look told
	looked bool
	early  *early // nil: nothing is read ahead
}

var (
	_ storage.Source   = (*item)(nil)
	_ storage.Digested = (*item)(nil)
	_ storage.Eager    = (*item)(nil)
	_ storage.Lender   = (*reading)(nil)
	_ tree.AwayItem    = (*item)(nil)
	_ tree.AwayFolder  = (*folder)(nil)
	_ tree.Away        = (*Source)(nil)
)

func (s *Source) item(in *bucket.Bucket, o bucket.Object) *item {
	return &item{s: s, in: in, object: o}
}

// now is the object as it was seen last.
func (i *item) now() bucket.Object {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.object
}

// info is what o, of this key, is.
func (i *item) info(o bucket.Object) tree.Info {
	user := decodeMeta(o.Meta)
	info := tree.Info{Kind: tree.File, Mode: 0o644, Size: o.Size, MTime: timeOf(o.Modified), Nlink: 1, Allocated: -1}
	if o.Key != "" && o.Key[len(o.Key)-1] == '/' {
		info.Kind, info.Mode, info.Size = tree.Folder, folderMode, 0
	} else if o.ETag != "" {
		// A version of an object is known by its ETag.
		sum := sha256.Sum256([]byte(o.ETag))
		info.Dev, info.Ino = binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])
	}
	if user.HasMTime {
		info.MTime = user.MTime
	}
	if user.HasMode {
		info.Mode = user.Mode
	}
	return info
}

// Look is tree.AwayItem's. What was looked at when it was found is not looked at again. A small
// object is read at once, as long as such ones are wanted: that takes one request in place of
// two.
func (i *item) Look() (wait func() (tree.Info, error)) {
	i.mu.Lock()
	o, looked := i.object, i.looked
	if looked {
		i.mu.Unlock()
		return func() (tree.Info, error) { return i.info(o), nil }
	}
	var e *early
	if o.Size > 0 && o.Size <= flow.PackLimit && !i.s.spared.Load() {
		e = i.begin(o)
	}
	i.mu.Unlock()
	if e != nil {
		return func() (tree.Info, error) {
			if <-e.done; e.err == nil {
				return i.saw(e.object), nil
			}
			// What is in an archive, say, may be looked at and not read.
			i.fetched()
			o, err := i.head()
			if err != nil {
				return tree.Info{}, err
			}
			return i.saw(o), nil
		}
	}
	told := i.s.look(i.in, o.Key)
	return func() (tree.Info, error) {
		o, err := told()
		if err != nil {
			return tree.Info{}, err
		}
		return i.saw(o), nil
	}
}

// saw notes what a look told.
func (i *item) saw(o bucket.Object) tree.Info {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.object, i.looked = o, true
	return i.info(o)
}

// head asks what stands at the key now.
func (i *item) head() (bucket.Object, error) {
	o, err := i.in.Head(i.s.ctx, i.now().Key)
	if err != nil {
		return o, i.s.failed(err)
	}
	return o, nil
}

// Stat is storage.Source's.
func (i *item) Stat() (tree.Info, error) {
	o, err := i.head()
	if err != nil {
		return tree.Info{}, err
	}
	return i.info(o), nil
}

// Open is storage.Source's. What is read is one version. If that was looked at, and no read has
// missed it since, it is not asked for again: a read of what is no more there fails.
func (i *item) Open() (storage.File, error) {
	i.mu.Lock()
	o, looked := i.object, i.looked
	i.mu.Unlock()
	if !looked {
		var err error
		if o, err = i.head(); err != nil {
			return nil, err
		}
		i.saw(o)
	}
	return newReading(i, o), nil
}

// missed notes that a version is no more there.
func (i *item) missed(o bucket.Object) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.looked = i.looked && i.object.ETag != o.ETag
}

// OpenStream is storage.Source's.
func (i *item) OpenStream(ctx context.Context) (io.ReadCloser, error) {
	o, err := i.head()
	if err != nil {
		return nil, err
	}
	r, err := i.in.Get(ctx, o.Key, 0, o.Size, o.ETag)
	if err != nil {
		return nil, i.s.failed(err)
	}
	return r, nil
}

// smallTries is how often a small object that changes is asked for.
const smallTries = 3

// ReadSmall is storage.Source's: one request, if the object did not change since it was looked
// at.
func (i *item) ReadSmall(buf []byte) (n int, before, after tree.Info, err error) {
	i.s.spared.Store(false)
	o, e := i.now(), i.fetched()
	if e != nil {
		return copy(buf, e.data), i.info(e.object), i.info(e.object), nil
	}
	for try := 1; ; try++ {
		n, err = i.read(o, buf[:min(int64(len(buf)), o.Size)])
		if !changed(err) || try == smallTries {
			break
		}
		if o, err = i.head(); err != nil {
			return 0, before, after, err
		}
		i.saw(o)
	}
	return n, i.info(o), i.info(o), err
}

// read reads the beginning of a version.
func (i *item) read(o bucket.Object, buf []byte) (int, error) {
	r, err := i.in.Get(i.s.ctx, o.Key, 0, int64(len(buf)), o.ETag)
	if err != nil {
		return 0, i.s.failed(err)
	}
	n, err := io.ReadFull(r, buf)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return n, i.s.failed(err)
	}
	return n, nil
}

// Digest is storage.Digested's.
func (i *item) Digest() (checksum.Digest, bool) { return digestOf(i.now()) }

func digestOf(o bucket.Object) (checksum.Digest, bool) {
	user := decodeMeta(o.Meta)
	return user.Digest, user.HasDigest
}

// changed reports whether err says that the key has another version by now.
func changed(err error) bool {
	var of *bucket.Error
	return errors.As(err, &of) && of.Kind == bucket.Precondition
}

// early is a small object that is read before it is asked for.
type early struct {
	object bucket.Object // as it was listed, and then as it is
	data   []byte
	cost   int64 // of room
	err    error
	done   chan struct{} // closed when the rest is there
}

// Ahead is storage.Eager's. Without memory nothing happens.
func (i *item) Ahead(size int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if o := i.object; i.early == nil && i.looked && o.Size == size && size > 0 {
		i.begin(o)
	}
}

// begin reads a small object, if there is memory: the version that was looked at, or whatever
// stands there by now. It needs mu.
func (i *item) begin(o bucket.Object) *early {
	if !i.s.room.take(o.Size) {
		return nil
	}
	e := &early{object: o, cost: o.Size, done: make(chan struct{})}
	i.early = e
	etag := ""
	if i.looked {
		etag = o.ETag
	}
	i.s.work.Go(func() {
		defer close(e.done)
		select {
		case i.s.looks <- struct{}{}:
			e.object, e.data, e.err = i.in.Fetch(i.s.ctx, o.Key, o.Size, etag)
			<-i.s.looks
		case <-i.s.ctx.Done():
			e.err = context.Cause(i.s.ctx)
		}
	})
	return e
}

// fetched returns what was read ahead, once; nil if nothing was, or it grew meanwhile.
func (i *item) fetched() *early {
	i.mu.Lock()
	e := i.early
	i.early = nil
	i.mu.Unlock()
	if e == nil {
		return nil
	}
	<-e.done
	i.s.room.give(e.cost)
	if e.err != nil || e.data == nil {
		return nil
	}
	return e
}

// Settled is storage.Eager's. What was read for nothing, as what stands at the destination
// already, has those behind it only looked at, until one is read again.
func (i *item) Settled() {
	i.mu.Lock()
	unread := i.early != nil
	i.mu.Unlock()
	if unread {
		i.s.spared.Store(true)
		i.s.work.Go(func() { i.fetched() })
	}
}
