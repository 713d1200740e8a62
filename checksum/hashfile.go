package checksum

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// largeFile is the size in bytes from which a file is shared between workers.
// Below it sharing would cost more than it gives when there are other files.
const largeFile = 8 * ChunkSize

var errStdinTwice = errors.New("standard input was named before")

// worker hashes the batches of the walk and helps with large files, in a goroutine of
// its own, until its context ends.
type worker struct {
	ctx    context.Context
	tasks  <-chan *batch
	shared *sharing
	stdin  io.Reader
	output []fs.FileInfo
	kind   Kind
	read   reading
	buf    []byte // pieceSize bytes, of this worker alone
	hash   *Hasher
	other  hash.Hash // nil if kind is BLAKE3
}

// reading is FilesOptions.Read.
type reading func(n int)

func (r reading) told(n int) {
	if r != nil {
		r(n)
	}
}

func (w *worker) run() {
	w.buf = make([]byte, pieceSize)
	w.hash, w.other = NewHasher(), w.kind.other()
	tasks := w.tasks
	for w.ctx.Err() == nil {
		// A large file was begun earlier and is reported earlier, so it goes before a
		// new batch.
		if l := w.shared.find(); l != nil {
			l.work(w.buf)
			continue
		}
		select {
		case <-w.ctx.Done():
		case <-w.shared.wake:
		case b, ok := <-tasks:
			if !ok {
				tasks = nil // other workers may still have large files to help with
				continue
			}
			for _, it := range b.items {
				b.results <- w.file(it)
			}
			close(b.results)
		}
	}
}

func (w *worker) file(it item) File {
	f := File{Path: it.path}
	switch {
	case it.kind == itemFailed:
		f.Err = it.err
	case w.ctx.Err() != nil:
		f.Err = w.ctx.Err()
	case it.kind == itemStdin:
		f.Digest, f.Size, f.Err = w.stream(w.stdin)
	default:
		f.Digest, f.Size, f.Err = w.path(it)
	}
	if w.other != nil && f.Err == nil {
		f.Other = w.other.Sum(nil)
	}
	return f
}

func (w *worker) path(it item) (d Digest, size int64, err error) {
	f, err := open(w.ctx, it)
	if err != nil {
		return d, 0, err
	}
	defer f.Close() // nothing was written: an error here says nothing of the bytes read
	before, err := f.Stat()
	switch {
	case err != nil:
		return d, 0, err
	case before.IsDir():
		return d, 0, errFolder
	case it.kind == itemInTree && slices.ContainsFunc(w.output, func(o fs.FileInfo) bool { return os.SameFile(o, before) }):
		return d, 0, ErrOutput
	case !before.Mode().IsRegular() && it.kind == itemInTree:
		return d, 0, ErrNotRegular
	case !before.Mode().IsRegular():
		return w.stream(f)
	}

	d, size, err = w.sized(f, before.Size())
	if errors.Is(err, errChanged) {
		d, size, err = w.untold(f, before)
	}
	if err != nil {
		return Digest{}, 0, err
	}
	after, err := f.Stat()
	if err != nil {
		return Digest{}, 0, err
	}
	if changed(before, after) {
		return Digest{}, 0, errChanged
	}
	return d, size, nil
}

// sized reads a file of size bytes. A shorter file gives errChanged.
func (w *worker) sized(f *os.File, size int64) (d Digest, _ int64, err error) {
	switch {
	case size == 0: // in a file system of the kernel that may mean unknown
		return w.stream(f)
	case w.other != nil:
		d, err = w.exact(f, size)
	case size <= pieceSize:
		d, err = w.small(f, w.buf[:size])
	case size < largeFile:
		d, err = w.medium(f, size)
	default:
		d, err = w.large(f, size)
	}
	return d, size, err
}

// untold reads a file that ended before its size. If its size has not changed since, it
// never told the true one: in sysfs each file has the size of a page. Then untold reads
// the file again, to its end. A file that is as long as told by now was changed.
func (w *worker) untold(f *os.File, before fs.FileInfo) (Digest, int64, error) {
	now, err := f.Stat()
	if err == nil && changed(before, now) {
		err = errChanged
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return Digest{}, 0, err
	}
	d, size, err := w.stream(f)
	if err == nil && size >= before.Size() {
		err = errChanged
	}
	return d, size, err
}

func changed(before, after fs.FileInfo) bool {
	return before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime())
}

// small reads a file of len(buf) bytes. The caller looks at the size afterwards and so
// sees whether the file is longer, which saves a read a file.
func (w *worker) small(f *os.File, buf []byte) (Digest, error) {
	switch n, err := io.ReadFull(f, buf); err {
	case nil:
		w.read.told(n)
		return Sum(buf), nil
	case io.EOF, io.ErrUnexpectedEOF:
		return Digest{}, errChanged
	default:
		return Digest{}, err
	}
}

// medium reads a file alone, by chunks where that is the faster way.
func (w *worker) medium(f *os.File, size int64) (Digest, error) {
	if haveWide {
		l := w.newLarge(f, size)
		l.work(w.buf)
		return l.digest()
	}
	return w.exact(f, size)
}

// exact reads a file of size bytes as a stream.
func (w *worker) exact(f *os.File, size int64) (Digest, error) {
	d, n, err := w.stream(f)
	if err == nil && n != size {
		err = errChanged
	}
	return d, err
}

// stream reads r to its end. Where r can be given a deadline, a cancel
// interrupts a Read that waits.
func (w *worker) stream(r io.Reader) (d Digest, size int64, err error) {
	if r, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok {
		stop := context.AfterFunc(w.ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
	}
	w.hash.reset()
	if w.other != nil {
		w.other.Reset()
	}
	for {
		n, err := r.Read(w.buf)
		w.read.told(n)
		if w.other != nil {
			_, _ = w.other.Write(w.buf[:n])
		} else {
			_, _ = w.hash.Write(w.buf[:n])
		}
		size += int64(n)
		switch {
		case w.ctx.Err() != nil:
			return d, 0, w.ctx.Err()
		case err == io.EOF:
			return w.hash.Sum(), size, nil
		case err != nil:
			return d, 0, fmt.Errorf("reading after %d bytes: %w", size, err)
		}
	}
}
