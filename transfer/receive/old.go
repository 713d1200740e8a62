package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// maxLent is how many chunks of a file that will be replaced are only hashed, in the
// hope that nothing differs: their chaining values are kept, 1 MiB of them.
const maxLent = 1 << 15

// lent is what a file that will be replaced has lent to the one that comes: chunks from
// the first on that were hashed in the old file and are not in the partial. If nothing
// differs they never are, and the new file takes no space. Guarded by inEntry.mu.
type lent struct {
	cvs     []checksum.CV
	own     [maxLent / 64]uint64 // bits of those that are in the partial
	differs bool                 // a chunk is another one: what is equal is copied from now on
	claimed bool                 // a chunk is one that an interrupted delivery left
	filled  bool                 // all of them are in the partial
}

// holds notes that the partial has chunk index itself.
func (l *lent) holds(index uint64) {
	if l != nil && index < maxLent {
		l.own[index/64] |= 1 << (index % 64)
	}
}

// missing tells whether chunk index is lent and not in the partial.
func (l *lent) missing(index uint64) bool {
	return index < uint64(len(l.cvs)) && l.own[index/64]&(1<<(index%64)) == 0
}

// open tells whether a chunk may be lent: the next one, while nothing differs.
func (l *lent) open(index uint64) bool {
	return l != nil && !l.differs && index == uint64(len(l.cvs)) && index < maxLent
}

// lends tells whether the chunks of a file that is replaced are lent: it may be the
// same but for its time.
func lends(t *tree.Entry, old *tree.Info) bool {
	return t.Kind == tree.File && old != nil && old.Kind == tree.File && old.Size == t.Size
}

// copyOld takes over the chunks of the file that will be replaced, or that an
// interrupted delivery left, and states them page by page. What lies past its end is
// asked for first.
func (b *basisRun) copyOld(ctx context.Context) error {
	b.r.track.Enter(transfer.PhaseComparing)
	var size int64
	old, err := b.r.at.Finder.Open(b.entry)
	if errors.Is(err, os.ErrNotExist) {
		old = nil
	} else if err != nil {
		return b.r.fail(b.e, "reading the file to be replaced", err)
	} else {
		defer old.Close() // read only
		size = old.Info().Size
	}
	claims := newClaims(ctx, b.partial)
	defer claims.stop()
	total := checksum.Chunks(b.entry.Size)
	usable := uint64(0) // chunks that the old file has in full length
	for usable < total && int64(usable)*checksum.ChunkSize+int64(checksum.ChunkLen(b.entry.Size, usable)) <= size {
		usable++
	}
	known := max(usable, claims.end(total))
	for first := known; first < total; first += framing.MaxPage {
		if ok, err := b.page(newClaimPage(first, min(framing.MaxPage, total-first))); err != nil || !ok {
			return err
		}
	}
	for first := uint64(0); first < known; first += oldPage {
		p := newClaimPage(first, min(oldPage, known-first))
		for i := range p.count {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			index := p.first + i
			cv, stale, err := b.takeOver(old, claims, index, index < usable)
			if stale {
				return nil
			}
			if errors.Is(err, io.ErrUnexpectedEOF) { // it shrank, or there is no such chunk
				continue
			}
			if err != nil {
				return b.r.fail(b.e, "taking over the file to be replaced", err)
			}
			p.hold(index, cv)
			p.good.set(i)
		}
		if ok, err := b.page(p); err != nil || !ok {
			return err
		}
	}
	return nil
}

// takeOver returns the chaining value of a chunk that is here: in the partial, if an
// interrupted delivery left it, else in the old file, if there is one.
func (b *basisRun) takeOver(old storage.File, claims *claims, index uint64, usable bool) (cv checksum.CV, stale bool, err error) {
	b.e.io.RLock()
	defer b.e.io.RUnlock()
	b.e.mu.Lock()
	stale = b.e.attempt != b.attempt || b.e.partial == nil
	lend := b.e.lent.open(index)
	b.e.mu.Unlock()
	if stale {
		return cv, true, nil
	}
	defer b.r.track.AtDisk()()
	b.r.track.Worked()
	data := b.buf[:checksum.ChunkLen(b.entry.Size, index)]
	if claim, ok := claims.at(index); ok {
		n, err := b.partial.ReadChunk(index, data)
		if err == nil && n == len(data) && checksum.Check(data, index, false) == claim {
			b.took(index, claim, lend, true)
			return claim, false, nil
		}
	}
	switch {
	case !usable:
		return cv, false, io.ErrUnexpectedEOF
	case lend:
		at := int64(index) * checksum.ChunkSize
		if old.Cover(at, int64(len(data))) == tree.AllHole {
			data = flow.Zeros[:len(data)]
		} else if _, err := old.ReadAt(data, at); err != nil {
			return cv, false, unexpected(err)
		}
		cv = checksum.Check(data, index, false)
		b.took(index, cv, true, false)
		return cv, false, nil
	}
	cv, err = b.copyChunk(old, index)
	if err == nil {
		b.took(index, cv, false, false)
	}
	return cv, false, err
}

// took notes where a chunk is; lend says that it is the next of those lent.
func (b *basisRun) took(index uint64, cv checksum.CV, lend, claimed bool) {
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	l := b.e.lent
	if l == nil {
		return
	}
	if l.claimed = l.claimed || claimed; lend {
		l.cvs = append(l.cvs, cv)
	}
	if claimed {
		l.holds(index)
	}
}

// copyChunk copies a chunk of the old file to the partial, and hashes it there.
// Callers hold e.io for reading.
func (b *basisRun) copyChunk(f storage.File, index uint64) (cv checksum.CV, err error) {
	n := checksum.ChunkLen(b.entry.Size, index)
	if err := b.partial.CopyChunk(f, index, n); err != nil {
		return cv, err
	}
	if got, err := b.partial.ReadChunk(index, b.buf[:n]); err != nil || got != n {
		return cv, errors.Join(io.ErrUnexpectedEOF, err)
	}
	cv = checksum.Check(b.buf[:n], index, false)
	b.partial.Mark(index, cv)
	return cv, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill copies the chunks that the old file has only lent, once it is known that the
// new one is another: each must still have the bytes that were compared.
func (b *basisRun) fill(ctx context.Context) error {
	f, err := b.r.at.Finder.Open(b.entry)
	if err != nil {
		return b.r.fail(b.e, "reading the file to be replaced", err)
	}
	defer f.Close() // read only
	b.e.mu.Lock()
	count := uint64(len(b.e.lent.cvs))
	b.e.mu.Unlock()
	for index := range count {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		stale, err := b.fillChunk(f, index)
		if stale {
			return nil
		}
		if err != nil {
			return b.r.fail(b.e, "taking over the file to be replaced", err)
		}
	}
	b.e.mu.Lock()
	b.e.lent.filled = true
	b.e.mu.Unlock()
	b.r.jobs.Put(&inJob{entry: b.e, attempt: b.attempt})
	return nil
}

func (b *basisRun) fillChunk(f storage.File, index uint64) (stale bool, err error) {
	b.e.io.RLock()
	defer b.e.io.RUnlock()
	b.e.mu.Lock()
	stale = b.e.attempt != b.attempt || b.e.partial == nil
	missing := !stale && b.e.lent.missing(index)
	b.e.mu.Unlock()
	if stale || !missing {
		return stale, nil
	}
	defer b.r.track.AtDisk()()
	b.r.track.Worked()
	cv, err := b.copyChunk(f, index)
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	if errors.Is(err, io.ErrUnexpectedEOF) || err == nil && cv != b.e.lent.cvs[index] {
		err = fmt.Errorf("%w", &transfer.Error{Code: framing.CodeConflict, Err: storage.ErrChanged})
	}
	if err == nil {
		b.e.lent.holds(index)
	}
	return false, err
}

// makeRoom looks for the space of a file of which a chunk differs from the one that it
// replaces. Where the file system shares what is equal, there is nothing to look for.
func (r *receiver) makeRoom(e *inEntry) error {
	e.mu.Lock()
	p := e.partial
	e.mu.Unlock()
	if p == nil || p.Shares() {
		return nil
	}
	if err := r.reserve(e, e.stored()-p.Allocated()); err != nil {
		return r.fail(e, "finding room", err)
	}
	return nil
}

// claims reads, in order, what an interrupted delivery left in a partial.
type claims struct {
	next  func() (uint64, checksum.CV, bool)
	stop  func()
	index uint64
	cv    checksum.CV
	more  bool
}

func newClaims(ctx context.Context, p storage.Partial) *claims {
	c := new(claims)
	c.next, c.stop = iter.Pull2(p.Present(ctx))
	c.index, c.cv, c.more = c.next()
	return c
}

// end is how far claims may reach in a file of total chunks: all of it, if there are
// any.
func (c *claims) end(total uint64) uint64 {
	if c.more {
		return total
	}
	return 0
}

// at returns the claim of chunk index. Calls come in ascending order.
func (c *claims) at(index uint64) (checksum.CV, bool) {
	for c.more && c.index < index {
		c.index, c.cv, c.more = c.next()
	}
	return c.cv, c.more && c.index == index
}
