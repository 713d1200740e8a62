package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"ferry/checksum"
	"ferry/transfer/internal/flow"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// partial is the content of one file on its way in: storage.Partial. What fits in one part is
// in memory until it is published. Of what is longer each part goes to the store when it is
// whole, in a goroutine of its own.
type partial struct {
	f    *files
	at   place  // of the entry
	as   string // the name that it is to get in the place of its own; empty: its own
	lay  layout
	meta meta
	up   *upload // nil: it is written at once, when it is published

	failed atomic.Pointer[storage.Error] // first error of a write, never cleared
	moving sync.WaitGroup                // parts on their way to the store

	mu     sync.Mutex // guards what follows; that of a budget is taken under it
	pieces map[int]*piece
	redone map[int]bool // parts that the store had, and that were written to again
	sealed bool
	ended  bool
}

// key is where the file will stand.
func (p *partial) key() string {
	if p.as != "" {
		return p.at.in.path + p.as
	}
	return p.at.path
}

func (p *partial) fail(op string, err error) error { return fail(op, p.at.path, err) }

// broke is fail for what spoils the content: the first such error sticks.
func (p *partial) broke(op string, err error) error {
	err = p.fail(op, err)
	var e *storage.Error
	if errors.As(err, &e) {
		p.failed.CompareAndSwap(nil, e)
	}
	return err
}

// open returns why nothing may be written any more, or nil. Callers hold mu.
func (p *partial) open() error {
	if err := p.failed.Load(); err != nil {
		return err
	}
	if p.sealed || p.ended {
		return errOver
	}
	return nil
}

// Present is storage.Partial's: parts that an earlier delivery uploaded.
func (p *partial) Present(ctx context.Context) iter.Seq2[uint64, checksum.CV] {
	return func(yield func(uint64, checksum.CV) bool) {
		if p.up == nil || p.up.found == 0 {
			return
		}
		for _, part := range p.up.claims() {
			at, _ := p.lay.span(part.Number)
			for i, cv := range part.CVs {
				if ctx.Err() != nil || !yield(uint64(at/checksum.ChunkSize)+uint64(i), cv) {
					return
				}
			}
		}
	}
}

// Vouches is storage.Voucher's.
func (p *partial) Vouches(index uint64) bool {
	if p.up == nil || p.failed.Load() != nil {
		return false
	}
	number := p.lay.number(index)
	at, _ := p.lay.span(number)
	_, known, there := p.up.has(number, int(index-uint64(at/checksum.ChunkSize)))
	return known && there
}

// WriteChunk is storage.Partial's. It may wait until parts have gone to the store.
func (p *partial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	return p.put(index, len(b), &cv, func(to []byte) error {
		copy(to, b)
		return nil
	})
}

// WriteHole is storage.Partial's: a store has no holes.
func (p *partial) WriteHole(index uint64, n int, cv checksum.CV) error {
	if n < 0 || n > len(flow.Zeros) {
		return p.fail("writing", errOutside)
	}
	return p.WriteChunk(index, flow.Zeros[:n], cv)
}

// CopyChunk is storage.Partial's. The chunk stays in memory until Mark.
func (p *partial) CopyChunk(from storage.File, index uint64, n int) error {
	return p.put(index, n, nil, func(to []byte) error {
		got, err := from.ReadAt(to, int64(index)*checksum.ChunkSize)
		if got == len(to) {
			return nil
		}
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

// Mark is storage.Partial's.
func (p *partial) Mark(index uint64, cv checksum.CV) {
	number := p.lay.number(index)
	start, _ := p.lay.span(number)
	p.mu.Lock()
	pc := p.pieces[number]
	chunk := int(index - uint64(start/checksum.ChunkSize))
	whole := false
	if pc != nil && !pc.gone && chunk < len(pc.has) && pc.has[chunk] {
		p.noteChunk(pc, chunk, &cv)
		whole = p.leaves(pc)
	}
	p.mu.Unlock()
	if whole {
		p.send(pc)
	}
}

// ReadChunk is storage.Partial's: what has gone to the store can be read when it is published.
func (p *partial) ReadChunk(index uint64, buf []byte) (int, error) {
	number := p.lay.number(index)
	start, _ := p.lay.span(number)
	chunk := int(index - uint64(start/checksum.ChunkSize))
	p.mu.Lock()
	defer p.mu.Unlock()
	pc := p.pieces[number]
	if pc == nil || pc.buf == nil || pc.busy != nil || pc.isAside(chunk) {
		if p.up != nil {
			if _, _, there := p.up.has(number, 0); there || pc != nil && chunk < len(pc.has) && pc.has[chunk] {
				return 0, &storage.Error{Kind: storage.Unsupported, Op: "reading back", Path: p.at.path, Err: errors.ErrUnsupported}
			}
		}
		return 0, io.ErrUnexpectedEOF
	}
	if chunk >= len(pc.has) || !pc.has[chunk] {
		return 0, io.ErrUnexpectedEOF
	}
	at := int64(index)*checksum.ChunkSize - start
	b := pc.buf[at:min(at+checksum.ChunkSize, int64(len(pc.buf)))]
	if len(b) > len(buf) {
		if !p.lay.streamed {
			return 0, io.ErrShortBuffer
		}
		b = b[:len(buf)]
	}
	return copy(buf, b), nil
}

// Allocated is storage.Partial's: what the store has of it.
func (p *partial) Allocated() int64 {
	if p.up == nil {
		return 0
	}
	return p.up.stored()
}

// Shares is storage.Partial's.
func (p *partial) Shares() bool { return false }

// Seal is storage.Partial's. It waits for nothing: Publish does.
func (p *partial) Seal(e *tree.Entry, size int64, root checksum.Digest) error {
	p.lockQuiet()
	err := p.seal(size)
	if err == nil {
		p.meta = p.f.dress.meta(e)
		p.meta.Digest, p.meta.HasDigest = root, true
		p.sealed = true
	}
	last := p.last(err == nil)
	p.mu.Unlock()
	if err != nil {
		return p.broke("completing", err)
	}
	for _, pc := range last {
		p.send(pc)
	}
	return nil
}

// seal checks that all is there. Callers hold mu.
func (p *partial) seal(size int64) error {
	if err := p.open(); err != nil {
		return err
	}
	switch {
	case size < 0 || size > maxObject:
		return errTooLong
	case p.lay.streamed:
		p.lay.size = size
	case size != p.lay.size:
		return fmt.Errorf("%d bytes instead of %d", size, p.lay.size)
	}
	if first := p.pieces[1]; p.lay.streamed && p.lay.parts() <= 1 && (first == nil || !first.gone) {
		p.up = nil // it is short enough to be written at once
	}
	for number := 1; number <= p.lay.parts(); number++ {
		pc := p.pieces[number]
		if pc == nil {
			if p.up != nil {
				if _, _, there := p.up.has(number, 0); there {
					continue
				}
			}
			return p.lack(number)
		}
		_, n := p.lay.span(number)
		for chunk := range checksum.Chunks(n) {
			if !pc.has[chunk] {
				return p.lack(number)
			}
		}
		if !pc.gone {
			p.cut(pc, n)
		}
	}
	return nil
}

// lack is why a part is not whole. Callers hold mu.
func (p *partial) lack(number int) error {
	if p.redone[number] {
		return errReplaced
	}
	return errMissing
}

// cut cuts off what a stream did not fill. Callers hold mu.
func (p *partial) cut(pc *piece, n int64) {
	if pc.buf != nil {
		pc.buf = pc.buf[:n]
	}
	pc.cvs = pc.cvs[:checksum.Chunks(n)]
}

// last has the pieces leave that were not whole by themselves, or, of what is written at once,
// counts the only one among what gives room in any case. Callers hold mu.
func (p *partial) last(ok bool) (all []*piece) {
	if !ok {
		return nil
	}
	for _, pc := range p.pieces {
		switch {
		case pc.gone:
		case p.up == nil:
			pc.gone = true
			p.f.budget.move(pc.cost)
		default:
			pc.gone = true
			all = append(all, pc)
		}
	}
	return all
}
