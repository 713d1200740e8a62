package object

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ferry/transfer/internal/flow"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// SourceOptions say how a Source reads.
type SourceOptions struct {
	// Memory is how many bytes of objects are read ahead at most, of all that are open. 0 is
	// 64 MiB, or less where the process may have little, as Options.Memory.
	Memory int64
	// Beside is a Source with which this one shares that, and the looks under way: all that is
	// asked for at once. May be nil.
	Beside *Source
}

// Source is what stands at a place in a store, as something to send: tree.Away. Keys below the
// prefix are items of a folder; a place that is one object is a file.
//
//	listing   one request for 1000 keys, in the order of a walk (order), however deep they
//	          are; keys that rules leave out are listed as well. Of listed paths: two each.
//	looks     one request for each file that is taken, and each folder with a mark of its own,
//	          32 at a time and up to 256 ahead of the walk: times, modes and digests are not
//	          in a listing. It reads a small file as well, while such ones are wanted.
//	reading   one request for a small file that a look did not read, or for up to 16 MiB of a
//	          larger one
//
// The methods may be called at the same time. Goroutines are those of looks and of ranges that
// are read ahead; Close ends them.
type Source struct {
	b     *bucket.Bucket
	place string // as the user wrote it
	ctx   context.Context
	stop  context.CancelFunc
	looks chan struct{} // an element for each look under way
	// spared says that small objects are not read while they are looked at.
	spared atomic.Bool
	room   *room
	held   int // keys that wait at most, for their order
	work   sync.WaitGroup
}

// maxLooks is how many looks are under way at most.
const maxLooks = 32

// NewSource is a Source of what stands at the place of b, which the user wrote so. With a slash
// at its end, and for a whole bucket, it is what is in the folder. The end of ctx ends all
// requests. B stays open as long.
func NewSource(ctx context.Context, b *bucket.Bucket, place string, o SourceOptions) *Source {
	if o.Memory <= 0 {
		o.Memory = flow.MayKeep(mostMemory, 8, leastMemory)
	}
	s := &Source{b: b, place: place, held: maxHeld}
	if other := o.Beside; other != nil {
		s.looks, s.room = other.looks, other.room
	} else {
		s.looks, s.room = make(chan struct{}, maxLooks), &room{free: o.Memory, most: o.Memory}
	}
	s.ctx, s.stop = context.WithCancel(ctx)
	return s
}

// Close ends what is under way. No delivery uses the Source any more.
func (s *Source) Close() {
	s.stop()
	s.work.Wait()
}

// Tree is the Source as a walk takes it.
func (s *Source) Tree() tree.Source {
	above, name := s.b.Above()
	t := tree.Source{Path: s.place, Away: s, Name: name}
	if above == nil || strings.HasSuffix(s.place, "/") {
		t.Contents, t.Name = true, ""
	}
	return t
}

// errBoth: such a key has no place in a file system.
var errBoth = errors.New("it is an object, and other keys are below it as if it were a folder")

// Top is tree.Away's. Nothing is an error that is fs.ErrNotExist, but for a whole bucket.
func (s *Source) Top() (tree.Found, error) {
	above, name := s.b.Above()
	f := &folder{s: s}
	info, err := f.Stat()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tree.Found{}, err
	}
	isFolder := err == nil
	if above == nil {
		return tree.Found{Info: info, Folder: f}, nil
	}
	if mark, err := above.Head(s.ctx, name+"/"); err == nil && mark.Size == 0 {
		item := s.item(above, mark)
		return tree.Found{Info: item.info(mark), Folder: &folder{s: s, marked: true}, Item: item}, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tree.Found{}, s.failed(err)
	}
	if strings.HasSuffix(s.place, "/") {
		if !isFolder {
			return tree.Found{}, s.absent()
		}
		return tree.Found{Info: info, Folder: f}, nil
	}
	o, err := above.Head(s.ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isFolder:
		return tree.Found{Info: info, Folder: f}, nil
	case errors.Is(err, fs.ErrNotExist):
		return tree.Found{}, s.absent()
	case err != nil:
		return tree.Found{}, s.failed(err)
	}
	item := s.item(above, o)
	item.looked = true
	found := tree.Found{Name: path.Base(name), Info: item.info(o), Item: item}
	if isFolder {
		found.Err = errBoth
	}
	return found, nil
}

// absent: there is nothing.
func (s *Source) absent() error {
	return &fs.PathError{Op: "look for", Path: s.place, Err: fs.ErrNotExist}
}

// failed is an error of the store. One that is about no single item says so.
func (s *Source) failed(err error) error {
	var of *bucket.Error
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if errors.As(err, &of) {
		switch of.Kind {
		case bucket.Away, bucket.Throttled, bucket.NoCredentials, bucket.NoBucket, bucket.WrongRegion, bucket.ClockSkew:
			return &awayError{err}
		}
	}
	return err
}

// awayError is of a store that does not answer, or takes no question.
type awayError struct{ error }

func (e *awayError) Unwrap() error        { return e.error }
func (e *awayError) Is(target error) bool { return target == storage.ErrSourceAway }

// look begins a Head, and returns what waits for it.
func (s *Source) look(in *bucket.Bucket, key string) (wait func() (bucket.Object, error)) {
	type answer struct {
		bucket.Object
		error
	}
	told := make(chan answer, 1)
	s.work.Go(func() {
		select {
		case s.looks <- struct{}{}:
			o, err := in.Head(s.ctx, key)
			<-s.looks
			told <- answer{o, err}
		case <-s.ctx.Done():
			told <- answer{error: context.Cause(s.ctx)}
		}
	})
	return func() (bucket.Object, error) {
		a := <-told
		if a.error != nil {
			return a.Object, s.failed(a.error)
		}
		return a.Object, nil
	}
}

// timeOf is a time of the store. Listings tell it finer than answers to a look, so that the
// fraction is left out.
func timeOf(t time.Time) tree.Time {
	if t.IsZero() {
		return tree.Time{}
	}
	return tree.Time{Sec: t.Unix()}
}

// room is memory for what is read ahead.
type room struct {
	mu   sync.Mutex // guards what follows
	free int64
	most int64
	idle [][]byte // blocks that were used; at most as many as were in use at a time
}

// take takes n bytes, if there are as many.
func (r *room) take(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free < n {
		return false
	}
	r.free -= n
	return true
}

func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += n
}

// block is memory for n bytes of a block that was taken: the one that was used last, which may
// still be in a cache of the processor.
func (r *room) block(n int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	if last < 0 {
		return make([]byte, n, max(n, blockSize))
	}
	b := r.idle[last]
	r.idle[last] = nil
	r.idle = r.idle[:last]
	return b[:n]
}

// put takes a block back; nil is none.
func (r *room) put(b []byte) {
	if b == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, b[:blockSize])
}
