package receive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/storage"
)

// replaced takes over the chunks of the file that will be replaced, of one that may be the same
// under another name, or that an interrupted delivery left, and states them page by page. What lies past its end is
// asked for first.
func (r reuseRun) replaced(ctx context.Context) error {
	r.track.Enter(transfer.PhaseComparing)
	claims := r.claims(ctx)
	if claims == nil {
		return nil
	}
	defer claims.stop()
	var old oldFile
	f, err := r.site.openOld(r.a)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return r.settle.failAttempt(r.a, "reading the file to be replaced", err)
	default:
		defer f.Close() // read only
		old.f = f
		old.usable, old.shared = fullChunks(r.a.item.Size, f.Info().Size), r.shares()
	}
	total := checksum.Chunks(r.a.item.Size)
	known := max(old.usable, claims.end(total))
	for first := known; first < total; first += framing.MaxPage {
		if ok, err := r.page(newClaimPage(first, min(framing.MaxPage, total-first))); err != nil || !ok {
			return err
		}
	}
	for first := uint64(0); first < known; first += oldPage {
		// What is taken over meanwhile is mostly at another place, and the list is later.
		if ready := r.ledger.listing(r.a); ready != nil {
			select {
			case <-ready:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		p := newClaimPage(first, min(oldPage, known-first))
		old.listed = !old.shared && r.ledger.finds(r.a, p)
		began := time.Now()
		if ok, err := r.takePage(ctx, p, &old, claims); err != nil || !ok {
			return err
		}
		if old.usable > 0 && !old.listed {
			r.pace.hashed(int64(p.count)*checksum.ChunkSize, began)
		}
		if ok, err := r.page(p); err != nil || !ok {
			return err
		}
	}
	if r.ledger.allStated(r.a) {
		r.plans.Put(asking{r.a})
	}
	return nil
}

// shares tells whether what is taken over from the old file takes no space.
func (r reuseRun) shares() bool {
	p := r.a.part.hold()
	if p == nil {
		return false
	}
	defer r.a.part.let()
	return p.Shares()
}

// oldFile is the file that will be replaced.
type oldFile struct {
	f      storage.File // nil: there is none
	usable uint64       // chunks of the new file that it has in full length
	shared bool         // taking them over shares their space
	listed bool         // what it has of the page is not taken over: the sender finds it
}

// fullChunks is how many chunks of a file of size bytes one of have bytes has in full
// length.
func fullChunks(size, have int64) (n uint64) {
	for n < checksum.Chunks(size) && int64(n)*checksum.ChunkSize+int64(checksum.ChunkLen(size, n)) <= have {
		n++
	}
	return n
}

// takePage takes over the chunks of a page. ok is false when the attempt is over, or the
// entry failed.
func (r reuseRun) takePage(ctx context.Context, p *claimPage, old *oldFile, claims *claims) (ok bool, err error) {
	for i := range p.count {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		index := p.first + i
		cv, current, err := r.takeOver(old, claims, index)
		switch {
		case !current:
			return false, nil
		case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(unreadError)): // it shrank, there is no such chunk, or the sender's will do
			continue
		case err != nil && r.a.basis.former != nil:
			old.usable = 0 // if it is this side that fails, the next write does
			continue
		case err != nil:
			return false, r.settle.failAttempt(r.a, "taking over the file to be replaced", err)
		}
		p.hold(index, cv)
		p.good.set(i)
	}
	return true, nil
}

// takeOver returns the chaining value of a chunk that is here: in the Partial, if an
// interrupted delivery left it, else in the old file.
func (r reuseRun) takeOver(old *oldFile, claims *claims, index uint64) (cv checksum.CV, current bool, err error) {
	partial := r.a.part.hold()
	if partial == nil {
		return cv, false, nil
	}
	defer r.a.part.let()
	lend, current := r.ledger.lends(r.a, index)
	if !current {
		return cv, false, nil
	}
	n := r.a.chunkLen(index)
	if claim, ok := claims.at(index); ok && r.has(partial, index, n, claim) {
		r.ledger.took(r.a, index, claim, lend, true)
		return claim, true, nil
	}
	switch {
	case index >= old.usable || old.listed:
		return cv, true, io.ErrUnexpectedEOF
	case lend:
		data, err := r.read(old.f, index, n)
		if err != nil {
			return cv, true, unexpected(err)
		}
		cv = checksum.Check(data, index, false)
	default:
		if cv, err = r.copyChunk(partial, old.f, index, n); err != nil {
			return cv, true, err
		}
	}
	r.ledger.took(r.a, index, cv, lend, false)
	return cv, true, nil
}

// has tells whether chunk index of a Partial has that chaining value.
func (r reuseRun) has(p storage.Partial, index uint64, n int, cv checksum.CV) bool {
	defer r.track.AtDisk()()
	r.track.Worked()
	if vouched(p, index) {
		return true
	}
	got, err := p.ReadChunk(index, r.buf[:n])
	return err == nil && got == n && checksum.Check(r.buf[:n], index, false) == cv
}

// copyChunk copies a chunk of the old file to the Partial, which the caller holds, and
// hashes it there.
func (r reuseRun) copyChunk(p storage.Partial, f storage.File, index uint64, n int) (cv checksum.CV, err error) {
	defer r.track.AtDisk()()
	r.track.Worked()
	if err := p.CopyChunk(f, index, n); err != nil {
		return cv, err
	}
	got, err := p.ReadChunk(index, r.buf[:n])
	if err == nil && got != n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return cv, unreadError{err}
	}
	cv = checksum.Check(r.buf[:n], index, false)
	p.Mark(index, cv)
	return cv, nil
}

// unreadError: a chunk was copied to a Partial and cannot be read back.
type unreadError struct{ error }

func (e unreadError) Unwrap() error { return e.error }

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill copies the chunks that the old file has only lent, once it is known that the
// new one is another: each must still have the bytes that were compared.
func (r reuseRun) fill(ctx context.Context) error {
	f, err := r.site.Finder.Open(r.a.item)
	if err != nil {
		return r.settle.failAttempt(r.a, "reading the file to be replaced", err)
	}
	over, err := r.fillLent(ctx, f)
	_ = f.Close() // read only; Windows may not replace what is open
	if over {
		return err
	}
	if err != nil {
		return r.settle.failAttempt(r.a, "taking over the file to be replaced", err)
	}
	r.ledger.filled(r.a)
	r.jobs.Put(sealing{r.a})
	return nil
}

// fillLent is fill with the old file open. over says that nothing is left to do, or that ctx
// ended it.
func (r reuseRun) fillLent(ctx context.Context, f storage.File) (over bool, err error) {
	for index := range r.ledger.lentChunks(r.a) {
		if ctx.Err() != nil {
			return true, context.Cause(ctx)
		}
		if over, err := r.fillChunk(f, index); over || err != nil {
			return over, err
		}
	}
	return false, nil
}

// fillChunk copies one chunk that was lent, if the Partial lacks it. over says that the
// attempt is.
func (r reuseRun) fillChunk(f storage.File, index uint64) (over bool, err error) {
	partial := r.a.part.hold()
	if partial == nil {
		return true, nil
	}
	defer r.a.part.let()
	was, lacks := r.ledger.lacksLent(r.a, index)
	if !lacks {
		return false, nil
	}
	cv, err := r.copyChunk(partial, f, index, r.a.chunkLen(index))
	if errors.Is(err, io.ErrUnexpectedEOF) || err == nil && cv != was {
		return false, &transfer.Error{Code: framing.CodeConflict, Err: storage.ErrChanged}
	}
	if err == nil {
		r.ledger.holdsLent(r.a, index)
	}
	return false, err
}
