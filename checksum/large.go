package checksum

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"lukechampine.com/blake3/guts"
)

// pieceSize is how many bytes are read at once, a power of two. A whole chunk would
// fall out of the nearer caches between reading and hashing: measured, that costs about
// a fifth of the speed.
const pieceSize = 256 << 10

// sharing is where workers find the large files that they can help with.
type sharing struct {
	mu     sync.Mutex
	active []*large // guarded by mu; at most one a worker
	// wake has a token when a file may have been added since an idle worker looked.
	// There is room for one token a worker, so a full channel wakes all of them.
	wake chan struct{}
}

func (s *sharing) add(l *large) {
	s.mu.Lock()
	s.active = append(s.active, l)
	s.mu.Unlock()
	for range cap(s.wake) {
		select {
		case s.wake <- struct{}{}:
		default:
			return
		}
	}
}

func (s *sharing) remove(l *large) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = slices.DeleteFunc(s.active, func(other *large) bool { return other == l })
}

// find returns a file with chunks that no worker has taken yet, or nil.
func (s *sharing) find() *large {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.active {
		if l.next.Load() < l.chunks {
			return l
		}
	}
	return nil
}

// large is a file whose chunks several workers hash. The worker that opened the
// file owns it, works on it too, and closes it only when every chunk was
// accounted for. A helper that comes too late finds no chunk left.
type large struct {
	ctx    context.Context
	seen   reading
	file   io.ReaderAt
	size   int64
	chunks uint64
	tree   *Tree

	next atomic.Uint64 // first chunk that nobody has taken
	left atomic.Int64  // chunks not yet accounted for
	done chan struct{} // closed when left reaches 0

	failed atomic.Bool
	once   sync.Once
	err    error // the first; written in once, read after done
}

// large hashes a file together with the workers that have nothing else to do.
func (w *worker) large(file io.ReaderAt, size int64) (Digest, error) {
	l := w.newLarge(file, size)
	w.shared.add(l)
	l.work(w.buf)
	w.shared.remove(l)
	return l.digest()
}

func (w *worker) newLarge(file io.ReaderAt, size int64) *large {
	l := &large{
		ctx:    w.ctx,
		seen:   w.read,
		file:   file,
		size:   size,
		chunks: Chunks(size),
		tree:   NewTree(size),
		done:   make(chan struct{}),
	}
	l.left.Store(int64(l.chunks))
	return l
}

// digest waits until the last worker is done, and returns the digest or the first error.
func (l *large) digest() (Digest, error) {
	<-l.done
	if l.err != nil {
		return Digest{}, l.err
	}
	return l.tree.Root()
}

// work takes chunks until none is left. buf has pieceSize bytes.
func (l *large) work(buf []byte) {
	for {
		index := l.next.Add(1) - 1
		if index >= l.chunks {
			return
		}
		// After a failure the rest is only counted off.
		if !l.failed.Load() {
			if err := l.chunk(index, buf); err != nil {
				l.once.Do(func() { l.err = err })
				l.failed.Store(true)
			}
		}
		if l.left.Add(-1) == 0 {
			close(l.done)
		}
	}
}

func (l *large) chunk(index uint64, buf []byte) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	n := ChunkLen(l.size, index)
	if n <= pieceSize {
		if err := l.read(buf[:n], index*ChunkSize); err != nil {
			return err
		}
		return l.tree.SetNode(index, NewNode(buf[:n], index))
	}
	var room [ChunkSize / pieceSize]CV
	cvs := room[:0]
	for done := 0; done < n; done += pieceSize {
		p := buf[:min(pieceSize, n-done)]
		at := index*ChunkSize + uint64(done)
		if err := l.read(p, at); err != nil {
			return err
		}
		cvs = append(cvs, bytesOf(guts.ChainingValue(subtree(p, at/leafSize, haveWide))))
	}
	return l.tree.SetNode(index, Node{join(cvs)})
}

func (l *large) read(buf []byte, at uint64) error {
	n, err := l.file.ReadAt(buf, int64(at))
	switch {
	case n == len(buf):
		l.seen.told(n)
		return nil
	case err == io.EOF:
		return errChanged
	}
	return fmt.Errorf("reading at %d: %w", int64(at)+int64(n), err)
}
