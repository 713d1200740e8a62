package object

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/tree"
)

// reading is an open object: storage.File. It is one version of it, which no change touches: a
// read of what is no more there fails.
//
// Several goroutines read it from its beginning to its end, in chunks. So ranges of 8 MiB, and
// then of 16, are asked for, several at the same time and before they are wanted, as long as
// Source.room has memory. What finds none, or jumps about, is asked for by itself.
type reading struct {
	of     *item
	object bucket.Object
	info   tree.Info
	ctx    context.Context
	stop   context.CancelFunc

	mu     sync.Mutex // guards what follows
	ranges []*stretch // in the order of their offsets; they do not overlap
	high   int64      // where the read that came furthest ended
	ahead  int        // how many ranges are asked for before they are wanted
	closed bool
}

const (
	// stretchSize is how long a range is, unless there is little memory. Behind longFrom it is
	// longStretch: then a request more costs a store near by more than a connection less.
	stretchSize = 8 << 20
	longStretch = 16 << 20
	longFrom    = 32 << 20
	// mostAhead is how many ranges of one file are asked for before they are wanted.
	mostAhead = 7
	// leap is how far behind or before the last read one is of the same reading.
	leap = 4 << 20
)

func newReading(of *item, o bucket.Object) *reading {
	f := &reading{of: of, object: o, info: of.info(o), ahead: 1}
	f.ctx, f.stop = context.WithCancel(of.s.ctx)
	return f
}

// Info is storage.File's.
func (f *reading) Info() tree.Info { return f.info }

// Stat is storage.File's: no other version can be read.
func (f *reading) Stat() (tree.Info, error) { return f.info, nil }

// Cover is storage.File's.
func (f *reading) Cover(int64, int64) tree.Cover { return tree.AllData }

// Digest is storage.Digested's.
func (f *reading) Digest() (checksum.Digest, bool) { return digestOf(f.object) }

// Close is storage.File's. Reads under way fail.
func (f *reading) Close() error {
	f.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, s := range f.ranges {
		s.drop()
	}
	f.ranges = nil
	return nil
}

// ReadAt is storage.File's. io.EOF is also said of a version that is no more there.
func (f *reading) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) && err == nil {
		if at+int64(n) >= f.info.Size {
			return n, io.EOF
		}
		var m int
		m, err = f.readSome(b[n:], at+int64(n))
		n += m
	}
	if changed(err) || errors.Is(err, fs.ErrNotExist) {
		f.of.missed(f.object)
	}
	if changed(err) {
		err = io.EOF
	}
	return n, err
}

// Lend is storage.Lender's.
func (f *reading) Lend(at int64, n int) (data []byte, done func(), err error) {
	if at+int64(n) > f.info.Size {
		return nil, nil, nil
	}
	s, m, err := f.find(at, n)
	if err != nil || s == nil {
		return nil, nil, err
	}
	if m == n {
		data, done, err = s.lend(at, n)
	}
	f.used(s)
	return data, done, err
}

// readSome reads one byte or more.
func (f *reading) readSome(b []byte, at int64) (int, error) {
	b = b[:min(int64(len(b)), f.info.Size-at)]
	s, n, err := f.find(at, len(b))
	switch {
	case err != nil:
		return 0, err
	case s == nil:
		b = b[:n]
		r, err := f.of.in.Get(f.ctx, f.object.Key, at, int64(n), f.object.ETag)
		if err != nil {
			return 0, f.failed(err)
		}
		n, err = io.ReadFull(r, b)
		if cerr := r.Close(); err == nil {
			err = cerr
		}
		return n, f.failed(err)
	}
	n, err = s.read(b[:n], at)
	f.used(s)
	if err == errGone {
		return n, nil
	}
	return n, f.failed(err)
}

// failed is an error of a read.
func (f *reading) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case f.ctx.Err() != nil && f.of.s.ctx.Err() == nil:
		return os.ErrClosed
	}
	return f.of.s.failed(err)
}

// find returns the range that has the byte at an offset, and how many of n bytes it has from
// there on. Without one they are to be read by themselves.
func (f *reading) find(at int64, n int) (*stretch, int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, 0, os.ErrClosed
	}
	end := at + int64(n)
	inOrder := at <= f.high+leap && at >= f.high-leap
	f.high = max(f.high, end)
	if !inOrder {
		f.high = end
	}
	f.forget()
	s, i := f.at(at)
	if s == nil {
		room := f.info.Size - at
		if i < len(f.ranges) {
			room = f.ranges[i].from - at
		}
		if inOrder {
			s = f.begin(at, room, i)
		}
		if s == nil {
			return nil, int(min(int64(n), room)), nil
		}
	}
	if inOrder {
		f.goAhead(s)
	}
	there := s.has(at, n)
	if there == 0 {
		return nil, s.lacks(at, n), nil
	}
	s.users++
	return s, there, nil
}

// at returns the range that has an offset, or nil and where one would stand. It needs mu.
func (f *reading) at(at int64) (*stretch, int) {
	for i, s := range f.ranges {
		switch {
		case at < s.from:
			return nil, i
		case at < s.end():
			return s, i
		}
	}
	return nil, len(f.ranges)
}

// forget drops ranges that the reading has left behind. It needs mu.
func (f *reading) forget() {
	kept := f.ranges[:0]
	for _, s := range f.ranges {
		if s.users > 0 || s.end()+2*leap > f.high && s.from < f.high+2*mostAhead*longStretch {
			kept = append(kept, s)
			continue
		}
		s.drop()
	}
	clear(f.ranges[len(kept):])
	f.ranges = kept
}

// begin asks for a range of at most n bytes, if there is memory. It needs mu.
func (f *reading) begin(at, n int64, place int) *stretch {
	room := f.of.s.room
	most, part := int64(stretchSize), int64(8)
	if at >= longFrom {
		most, part = longStretch, 4
	}
	n = min(n, most, max(room.most/part/blockSize, 1)*blockSize)
	if n <= 0 || !room.take(blocksOf(n)*blockSize) {
		return nil
	}
	s := newStretch(at, n, room)
	f.ranges = append(f.ranges, nil)
	copy(f.ranges[place+1:], f.ranges[place:])
	f.ranges[place] = s
	f.of.s.work.Go(func() { s.fill(f) })
	return s
}

// goAhead asks for the ranges behind s. It needs mu.
func (f *reading) goAhead(s *stretch) {
	from := s.end()
	for range f.ahead {
		if from >= f.info.Size {
			return
		}
		next, i := f.at(from)
		if next == nil {
			room := f.info.Size - from
			if i < len(f.ranges) {
				room = f.ranges[i].from - from
			}
			if next = f.begin(from, room, i); next == nil {
				return
			}
			f.ahead = min(f.ahead+1, mostAhead)
		}
		from = next.end()
	}
}

// used ends a read of a range, and drops one of which all was read.
func (f *reading) used(s *stretch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.users--; s.users > 0 || f.closed || !s.isRead() {
		return
	}
	if i := slices.Index(f.ranges, s); i >= 0 {
		f.ranges = slices.Delete(f.ranges, i, i+1)
		s.drop()
	}
}
