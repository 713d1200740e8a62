package memory

import (
	"context"
	"io"
	"iter"
	"slices"
	"syscall"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// partial is a storage.Partial. The disk's lock guards it.
type partial struct {
	f      *Folder
	dir    *node
	name   string
	path   string
	size   int64  // -1 unknown
	key    string // of part, "" unless it is kept
	part   *part
	reused bool
	lost   []tree.Loss // at Seal
	failed error       // first error of a write or sync, never cleared
	sealed bool
	ended  bool
}

// Present is storage.Partial's: what the claims were when it began to yield. The caller may
// write between two of them.
func (p *partial) Present(ctx context.Context) iter.Seq2[uint64, checksum.CV] {
	return func(yield func(uint64, checksum.CV) bool) {
		p.f.disk.mu.Lock()
		var claims []uint64
		cvs := make(map[uint64]checksum.CV)
		if p.reused {
			for i, cv := range p.part.claims {
				claims, cvs[i] = append(claims, i), cv
			}
		}
		p.f.disk.mu.Unlock()
		slices.Sort(claims)
		for _, i := range claims {
			if ctx.Err() != nil || !yield(i, cvs[i]) {
				return
			}
		}
	}
}

// change is what every write shares: it fails for ever, and half of it may have happened.
func (p *partial) change(op Op, do func(half bool) error) error {
	half, err := p.f.enter(op, p.path)
	defer p.f.disk.mu.Unlock()
	switch {
	case p.failed != nil:
		return p.failed
	case p.f.killed:
		return ErrKilled
	case p.sealed || p.ended:
		return p.f.misused("a write to %q after its end", p.name)
	case err != nil && storage.KindOf(err) == 0 && !half: // it dies before this
		return err
	}
	p.part.node.synced = false
	if derr := do(half); err == nil {
		err = derr
	}
	if err != nil {
		p.failed = err
	}
	return err
}

// WriteChunk is storage.Partial's. A chunk is claimed only after all of it is there.
func (p *partial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	return p.change(Write, func(half bool) error {
		n := len(b)
		if half {
			b = b[:len(b)/2]
		}
		if err := p.place(index, b, n); err != nil || half {
			return err
		}
		if p.key != "" {
			p.part.claims[index] = cv
		}
		return nil
	})
}

// place puts the first of n bytes of a chunk at their offset. Content grows as far as it
// is written.
func (p *partial) place(index uint64, b []byte, n int) error {
	if index >= 1<<40 || n > checksum.ChunkSize || p.size >= 0 && !(index == 0 && n == 0 && p.size == 0) && (index >= checksum.Chunks(p.size) || n != checksum.ChunkLen(p.size, index)) {
		return p.f.misused("%d bytes at chunk %d of %q are outside", n, index, p.name)
	}
	file, at := p.part.node, int(index)*checksum.ChunkSize
	if grow := at + len(b) - len(file.data); grow > 0 {
		if int64(grow) > p.f.disk.free() {
			return &storage.Error{Kind: storage.NoSpace, Op: Write.String(), Path: p.path, Err: syscall.ENOSPC}
		}
		file.data = append(file.data, make([]byte, grow)...)
	}
	copy(file.data[at:], b)
	return nil
}

// WriteHole is storage.Partial's. Holes take space here.
func (p *partial) WriteHole(index uint64, n int, cv checksum.CV) error {
	return p.WriteChunk(index, make([]byte, n), cv)
}

// ReadChunk is storage.Partial's.
func (p *partial) ReadChunk(index uint64, buf []byte) (int, error) {
	_, err := p.f.enter(Read, p.path)
	defer p.f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	at := int(index) * checksum.ChunkSize
	if p.ended || at > len(p.part.node.data) {
		return 0, io.ErrUnexpectedEOF
	}
	want := len(buf)
	if p.size >= 0 && index < checksum.Chunks(p.size) {
		want = checksum.ChunkLen(p.size, index)
	}
	if want > len(buf) {
		return 0, io.ErrShortBuffer
	}
	n := copy(buf[:want], p.part.node.data[at:])
	if p.size >= 0 && n < want {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

// CopyChunk is storage.Partial's. It makes no claim: Mark does.
func (p *partial) CopyChunk(from storage.File, index uint64, n int) error {
	b := make([]byte, n)
	if _, err := from.ReadAt(b, int64(index)*checksum.ChunkSize); err != nil {
		return io.ErrUnexpectedEOF
	}
	return p.change(Write, func(half bool) error {
		if half {
			b = b[:n/2]
		}
		return p.place(index, b, n)
	})
}

// Mark is storage.Partial's. That of a killed Folder leaves no trace.
func (p *partial) Mark(index uint64, cv checksum.CV) {
	p.f.disk.mu.Lock()
	defer p.f.disk.mu.Unlock()
	if !p.f.killed && !p.ended && p.key != "" {
		p.part.claims[index] = cv
	}
}

// Allocated is storage.Partial's.
func (p *partial) Allocated() int64 {
	p.f.disk.mu.Lock()
	defer p.f.disk.mu.Unlock()
	return int64(len(p.part.node.data))
}

// Shares is storage.Partial's.
func (p *partial) Shares() bool { return false }

// Seal is storage.Partial's: it cuts off what an older version had more, and fills up with
// zeros.
func (p *partial) Seal(e *tree.Entry, size int64, _ checksum.Digest) error {
	err := p.change(Seal, func(bool) error {
		n := p.part.node
		if grow := int(size) - len(n.data); grow > 0 {
			n.data = append(n.data, make([]byte, grow)...)
		}
		n.data = n.data[:size]
		p.lost = p.f.dress(n, e, true)
		return nil
	})
	if err == nil {
		p.f.disk.mu.Lock()
		p.sealed = true
		p.f.disk.mu.Unlock()
	}
	return err
}

// Discard is storage.Partial's. It keeps what may be trusted; without a key nobody would
// find it again.
func (p *partial) Discard(keep bool) error {
	f, d := p.f, p.f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.ended || f.killed {
		return nil
	}
	p.ended = true
	if p.key == "" {
		return nil
	}
	if kind := storage.KindOf(p.failed); kind != 0 && kind != storage.NoSpace {
		keep = false // the page cache lies
	}
	p.part.holder = nil
	if !keep || !p.reused && len(p.part.node.data) == 0 {
		delete(d.parts, p.key)
	}
	return nil
}
