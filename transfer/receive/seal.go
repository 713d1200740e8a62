package receive

import (
	"errors"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// seal ends an attempt of which all is here: a comparison, or content of which both ends
// must have the same digest. The worker that has the job is alone with the attempt.
func (w *worker) seal(a *attempt) error {
	switch a.form {
	case comparing:
		return w.sealCompared(a)
	case lone:
		return w.sealEmpty(a)
	}
	if a.of.kind == tree.Stream {
		if err := a.chunks.Finish(int64(a.end.Size)); err != nil {
			return failure.Violation("FILEEND of stream %d: %v", a.of.id, err)
		}
	}
	root, err := a.chunks.Root()
	if err != nil {
		return failure.Violation("FILEEND of entry %d: %v", a.of.id, err)
	}
	if root != checksum.Digest(a.end.Root) {
		// Each chunk was right and the whole is not: what is here cannot be trusted.
		if err := a.part.end(false); err != nil {
			return failure.Destination("discarding", a.of.path(), err)
		}
		return w.settle.failAttempt(a, "verifying", &transfer.Error{Code: framing.CodeDigest, Err: errors.New("the digests of the whole file differ; run the same command again")})
	}
	s := sum{true, root, int64(a.end.Size)}
	w.ledger.verified(a, s)
	if w.untouched(a) {
		if err := a.part.end(false); err != nil {
			return w.settle.failAttempt(a, "putting aside", err)
		}
		return w.settle.equal(a.of, a.item, a.of.name, a.sum)
	}
	if w.ledger.unfilled(a) {
		w.queues.olds.Put(old{a, oldLent})
		return nil
	}
	// A chunk that came twice may still be written.
	ok, err := a.part.seal(a.item, s)
	switch {
	case err != nil:
		return w.settle.failAttempt(a, "completing", err)
	case !ok:
		return nil // it was settled meanwhile
	}
	return w.hand([]*attempt{a})
}

// untouched tells whether the older file is still there and has exactly the content that
// was offered. Then the older file stays.
func (w *worker) untouched(a *attempt) bool {
	if !w.ledger.untouched(a) {
		return false
	}
	found, err := w.site.lookUp(a.item)
	return err == nil && found != nil && w.site.Finder.Unchanged(a.item, *found, *a.of.choice.replace)
}

// sealCompared ends a comparison.
func (w *worker) sealCompared(a *attempt) error {
	kept, equal := w.ledger.equal(a)
	if !equal {
		w.queues.plans.Put(differing{a})
		return nil
	}
	switch {
	case a.compared.former == nil:
	case a.item.Size > checksum.ChunkSize:
		w.track.Kept(-kept)
		w.queues.plans.Put(same{a})
		return nil
	default:
		return w.takeFormer(a, kept)
	}
	w.track.Spared(a.sum.size, kept)
	return w.settle.equal(a.of, a.item, a.compared.name, a.sum)
}

// takeFormer copies a small file that was found the same under another name. It must still
// have the bytes that were compared. Of the file kept bytes were counted as kept.
func (w *worker) takeFormer(a *attempt, kept int64) error {
	buf := w.pool.Get(int(a.item.Size))
	defer w.pool.Put(buf)
	f, err := w.site.openCompared(a)
	if err == nil {
		_, err = f.ReadAt(*buf, 0)
		_ = f.Close() // read only
	}
	if err != nil && err != io.EOF || checksum.Sum(*buf) != a.sum.root {
		w.track.Kept(-kept)
		w.queues.plans.Put(differing{a})
		return nil
	}
	b := &attempt{of: a.of, number: a.number, item: a.item, form: lone}
	if !w.ledger.adopt(a, b) {
		w.track.Kept(-kept)
		return nil
	}
	w.settle.room.give(w.ledger.paid(b, a.item.Size))
	w.track.Kept(a.item.Size - kept)
	w.track.Reused(a.item.Size, a.of.path())
	return w.small(b, *buf)
}

// sealEmpty ends a file that became empty: nothing came of it but FILEEND.
func (w *worker) sealEmpty(a *attempt) error {
	root := checksum.Sum(nil)
	if a.end.Size != 0 || root != checksum.Digest(a.end.Root) {
		return failure.Violation("FILEEND without content for entry %d", a.of.id)
	}
	w.ledger.verified(a, sum{true, root, 0})
	return w.small(a, nil)
}
