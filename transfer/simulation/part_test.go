package simulation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"slices"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// simPart is what a partial of a large file leaves for the next delivery: its
// bytes, and a list of claims that may be wrong.
type simPart struct {
	path   string
	node   *simNode
	claims map[uint64]checksum.CV
	holder *owner // whose delivery writes to it
}

// cut is a power cut: content and claims get lost apart from each other.
func (p *simPart) cut(rng *rand.Rand) {
	if !p.node.synced || p.node.lying {
		p.node.data = torn(rng, p.node.data)
	}
	p.node.synced, p.node.lying = true, false
	for i := range checksum.Chunks(int64(len(p.node.data))) {
		if rng.IntN(4) == 0 {
			delete(p.claims, i)
		}
	}
}

// simPartial is transfer.Partial on a simDisk.
type simPartial struct {
	f      *simFolder
	dir    *simNode
	name   string
	size   int64
	key    string // of part, "" unless it is kept
	part   *simPart
	reused bool
	failed error // first error of a write, never cleared
	sealed bool
	ended  bool
}

// Present is what the claims were when it began to yield: the caller may write
// between two of them.
func (p *simPartial) Present(context.Context) iter.Seq2[uint64, checksum.CV] { return p.present }

func (p *simPartial) present(yield func(index uint64, cv checksum.CV) bool) {
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
		if !yield(i, cvs[i]) {
			return
		}
	}
}

var errSimMisuse = errors.New("not allowed by the interface")

// change is what every write shares: it runs at once, fails for ever, and half
// of it may have happened.
func (p *simPartial) change(op diskOp, do func(half bool) error) error {
	half, err := p.f.disk.enter(p.f.owner, op)
	defer p.f.disk.mu.Unlock()
	switch {
	case p.failed != nil:
		return p.failed
	case err == errDead && !half:
		return err
	case p.sealed || p.ended:
		p.f.misuse("a write to %q after its end", p.name)
		return errSimMisuse
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

// WriteChunk claims a chunk only after all of it is there, as dest.Partial does.
func (p *simPartial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	return p.change(opWrite, func(half bool) error {
		if half {
			b = b[:len(b)/2]
		}
		if err := p.place(index, b); err != nil || half {
			return err
		}
		p.part.claims[index] = cv
		return nil
	})
}

// place puts bytes at their offset. Content grows as far as it is written.
func (p *simPartial) place(index uint64, b []byte) error {
	n, at := p.part.node, int(index)*checksum.ChunkSize
	if p.size >= 0 && at+len(b) > int(p.size) {
		p.f.misuse("chunk %d of %q is outside", index, p.name)
		return errSimMisuse
	}
	if grow := at + len(b) - len(n.data); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	copy(n.data[at:], b)
	return nil
}

func (p *simPartial) WriteHole(index uint64, n int, cv checksum.CV) error {
	return p.WriteChunk(index, make([]byte, n), cv)
}

func (p *simPartial) ReadChunk(index uint64, buf []byte) (int, error) {
	_, err := p.f.disk.enter(p.f.owner, opRead)
	defer p.f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	at := int(index) * checksum.ChunkSize
	if p.ended || at > len(p.part.node.data) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(buf, p.part.node.data[at:])
	if p.size >= 0 && n < checksum.ChunkLen(p.size, index) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

func (p *simPartial) Allocated() int64 {
	p.f.disk.mu.Lock()
	defer p.f.disk.mu.Unlock()
	return int64(len(p.part.node.data))
}

// CopyChunk makes no claim: Mark does, once the caller has hashed what came.
func (p *simPartial) CopyChunk(from storage.File, index uint64, n int) error {
	b := make([]byte, n)
	if _, err := from.ReadAt(b, int64(index)*checksum.ChunkSize); err != nil {
		return io.ErrUnexpectedEOF
	}
	return p.change(opWrite, func(half bool) error {
		if half {
			b = b[:n/2]
		}
		return p.place(index, b)
	})
}

// Mark of a process that is dead leaves no trace.
func (p *simPartial) Mark(index uint64, cv checksum.CV) {
	p.f.disk.mu.Lock()
	defer p.f.disk.mu.Unlock()
	if !p.f.owner.dead.Load() && !p.ended {
		p.part.claims[index] = cv
	}
}

func (p *simPartial) Shares() bool { return false }

// Seal cuts off what an older version had more, and fills up with zeros.
func (p *simPartial) Seal(e *tree.Entry, size int64, _ checksum.Digest) error {
	err := p.change(opSeal, func(half bool) error {
		n := p.part.node
		if grow := int(size) - len(n.data); grow > 0 {
			n.data = append(n.data, make([]byte, grow)...)
		}
		n.data = n.data[:size]
		n.mode, n.mtime = e.Mode, e.MTime
		return nil
	})
	if err == nil {
		p.f.disk.mu.Lock()
		p.sealed = true
		p.f.disk.mu.Unlock()
	}
	return err
}

// superfluous reports that what has its name has all of it already.
func (p *simPartial) superfluous() bool {
	n := p.dir.entries[p.name]
	if n == nil || n.kind != tree.File || int64(len(n.data)) != p.size {
		return false
	}
	here := p.part.node.data
	for i := range p.part.claims {
		at, end := int(i)*checksum.ChunkSize, int(i)*checksum.ChunkSize+checksum.ChunkLen(p.size, i)
		if end > len(here) || !bytes.Equal(n.data[at:end], here[at:end]) {
			return false
		}
	}
	return true
}

// Discard keeps what may be trusted. Without a key nobody would find it again. A
// caller that throws away what came, while no digest can differ, has lost it.
func (p *simPartial) Discard(keep bool) error {
	f, d := p.f, p.f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.ended || f.owner.dead.Load() {
		return nil
	}
	p.ended = true
	var broken *storage.Error
	if errors.As(p.failed, &broken) && broken.Kind != storage.NoSpace {
		keep = false // the page cache lies
	}
	if p.key == "" {
		return nil
	}
	p.part.holder = nil
	if !keep && p.failed == nil && !f.changing && !p.superfluous() {
		f.misuse("what came of %q is thrown away", p.name)
	}
	if !keep {
		delete(d.parts, p.key)
	}
	return nil
}
