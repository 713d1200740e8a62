package receive

import (
	"context"
	"errors"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// workLoop hashes, compares and writes what came. There are as many loops as
// processors.
func (r *receiver) workLoop(ctx context.Context) error {
	var hash checksum.Group
	for {
		j, ok, err := r.jobs.Take(ctx)
		if err != nil || !ok {
			return err
		}
		if err := r.unfold(j); err != nil {
			return err
		}
		done := r.track.AtDisk()
		switch {
		case j.pack != nil:
			err = r.unpack(j, &hash)
			r.pool.Put(j.pack)
		case j.entry == nil: // only its credit counts
		case j.data == nil && j.zeros == 0:
			err = r.completeEntry(j)
		default:
			err = r.storeChunk(j)
			if j.data != nil {
				r.pool.Put(j.data)
			}
		}
		done()
		if err == nil {
			err = r.grant(j.cost)
		}
		if err != nil {
			return err
		}
	}
}

// unpack verifies the small files of a pack together and writes them.
func (r *receiver) unpack(j *inJob, hash *checksum.Group) error {
	var packed []framing.Packed
	var entries []*inEntry
	var contents [][]byte
	for p, err := range framing.ParsePack(*j.pack) {
		if err != nil {
			return failure.Malformed(err)
		}
		e, err := r.named(p.ID)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		e.mu.Lock()
		fits := e.asked && e.packed && e.attempt == 0 && e.entry.Kind == tree.File && int64(len(p.Data)) == e.entry.Size
		e.mu.Unlock()
		if !fits {
			return failure.Violation("PACK with entry %d of %d bytes", p.ID, len(p.Data))
		}
		packed, entries, contents = append(packed, p), append(entries, e), append(contents, p.Data)
	}
	roots := make([]checksum.Digest, len(contents))
	hash.Sums(roots, contents)
	var moved int64
	var last *inEntry
	for i, e := range entries {
		p := &packed[i]
		e.mu.Lock()
		given := e.sealed
		good := !given && roots[i] == p.Root
		if good {
			e.sealed = true
			e.root, e.size, e.hashed = p.Root, e.entry.Size, true
		}
		e.mu.Unlock()
		if given {
			continue // up by its sender, or it came twice
		}
		if !good {
			if err := r.again(e, 0, 0); err != nil {
				return err
			}
			continue
		}
		moved, last = moved+int64(len(p.Data)), e
		r.paid(e, int64(len(p.Data)))
		if err := r.storeSmall(e, p.Data); err != nil {
			return err
		}
	}
	if last != nil {
		r.moved(last, moved, 0)
	}
	return nil
}

// storeSmall writes the verified content of a file of one chunk or less and
// hands it to publish.
func (r *receiver) storeSmall(e *inEntry, data []byte) error {
	if err := r.temps.Take(1); err != nil {
		return err
	}
	e.temp = true
	p, err := r.at.Files.Begin(e.entry, e.holes > 0)
	if err != nil {
		return r.fail(e, "beginning", err)
	}
	e.mu.Lock()
	e.partial = p
	e.mu.Unlock()
	if err := p.WriteChunk(0, data, checksum.CV{}); err != nil {
		return r.fail(e, "writing", err)
	}
	if err := p.Seal(e.entry, e.size, e.root); err != nil {
		return r.fail(e, "completing", err)
	}
	r.ready.Put(e)
	return nil
}

// stored is what became of a chunk.
type stored uint8

const (
	storedStale stored = iota // of an attempt that is over, or a chunk that came twice
	storedOK
	storedWrong // its bytes are not what was sent
	storedWhole // verified, and the whole file: not written yet
)

// storeChunk verifies one chunk and writes it to its place.
func (r *receiver) storeChunk(j *inJob) error {
	e := j.entry
	node, n := hashJob(j)
	done, err := r.writeChunk(j, node, n)
	switch {
	case err != nil:
		return r.fail(e, "writing", err)
	case done == storedWrong:
		return r.again(e, j.index, j.attempt)
	case done == storedWhole:
		return r.storeWhole(e, j, node.Root(), n)
	case done == storedStale:
		return nil
	}
	r.paid(e, int64(n-j.zeros))
	e.mu.Lock()
	if err := e.chunks.SetNode(j.index, node); err != nil {
		e.mu.Unlock()
		if errors.Is(err, checksum.ErrAlreadySet) {
			return nil // it came twice at the same time
		}
		return failure.Violation("chunk %d of entry %d: %v", j.index, e.id, err)
	}
	e.got++
	e.lent.holds(j.index)
	r.completeIfDone(e)
	e.mu.Unlock()
	r.moved(e, int64(n), j.zeros)
	return nil
}

// hashJob is the node of a job's chunk, and its length.
func hashJob(j *inJob) (checksum.Node, int) {
	if j.data != nil {
		return checksum.NewNode(*j.data, j.index), len(*j.data)
	}
	return checksum.NewNode(flow.Zeros[:j.zeros], j.index), j.zeros
}

// writeChunk writes a chunk that is wanted and right. The entry's partial stays
// what it is meanwhile.
func (r *receiver) writeChunk(j *inJob, node checksum.Node, n int) (stored, error) {
	e := j.entry
	e.io.RLock()
	defer e.io.RUnlock()
	e.mu.Lock()
	p, whole := e.partial, e.packed
	stale := e.attempt != j.attempt || e.sealed || e.chunks == nil || e.chunks.Has(j.index)
	e.mu.Unlock()
	switch {
	case stale || p == nil && !whole:
		return storedStale, nil
	case whole && node.Root() != checksum.Digest(j.check), !whole && node.CV() != checksum.CV(j.check):
		return storedWrong, nil
	case whole:
		return storedWhole, nil
	case j.data != nil:
		return storedOK, p.WriteChunk(j.index, *j.data, node.CV())
	}
	return storedOK, p.WriteHole(j.index, n, node.CV())
}

// moved counts content that came over the network, less that of which only the
// length did.
func (r *receiver) moved(e *inEntry, n int64, zeros int) {
	path := e.path()
	if e.kind == tree.Stream {
		r.track.Streamed(n, path)
	} else {
		r.track.Moved(n, n-int64(zeros), path)
	}
}

// paid takes n bytes of an entry off what is expected to need space.
func (r *receiver) paid(e *inEntry, n int64) {
	e.mu.Lock()
	n = min(n, e.owes)
	e.owes -= n
	e.mu.Unlock()
	r.due.Add(-n)
}

// storeWhole takes a verified chunk that is a whole file.
func (r *receiver) storeWhole(e *inEntry, j *inJob, root [32]byte, n int) error {
	e.mu.Lock()
	first := !e.sealed
	e.sealed = true
	e.root, e.size, e.hashed = root, int64(n), true
	e.mu.Unlock()
	if !first {
		return nil
	}
	r.paid(e, int64(n))
	r.moved(e, int64(n), j.zeros)
	if j.data == nil {
		return r.storeSmall(e, flow.Zeros[:n])
	}
	return r.storeSmall(e, *j.data)
}

// again asks once more for a chunk whose digest differed, a few times.
func (r *receiver) again(e *inEntry, index uint64, attempt uint8) error {
	e.mu.Lock()
	if e.tries == nil {
		e.tries = make(map[uint64]int)
	}
	e.tries[index]++
	over := e.tries[index] >= chunkAttempts || len(e.tries) > maxTries
	whole := e.packed
	e.mu.Unlock()
	if over || e.kind == tree.Stream {
		return r.fail(e, "verifying", &transfer.Error{Code: framing.CodeDigest, Err: errors.New("what came is not what was sent; run the same command again")})
	}
	w := framing.Want{ID: e.id, Attempt: attempt, Kind: framing.WantAgain, First: index, Count: 1}
	if whole {
		w = framing.Want{ID: e.id, Attempt: attempt, Kind: framing.WantAll}
	}
	return failure.Link("asking for a chunk", r.link.Stream(0).Send(true, framing.TypeWant, w.Append(nil)))
}

// completeEntry ends a comparison, or seals an entry all of whose chunks are
// there, if both ends have the same digest.
func (r *receiver) completeEntry(j *inJob) error {
	e := j.entry
	e.mu.Lock()
	if e.attempt != j.attempt || e.end == nil {
		e.mu.Unlock()
		return nil
	}
	end, c, t, chunks, p := *e.end, e.compare, e.entry, e.chunks, e.partial
	if c != nil {
		equal := !c.broken && end.Root == c.root
		if equal {
			e.root, e.size, e.hashed = c.root, int64(end.Size), true
		}
		e.mu.Unlock()
		if !equal {
			r.plans.Put(planItem{in: e, differs: true})
			return nil
		}
		r.track.Spared(int64(end.Size))
		return r.equal(e, c.name)
	}
	e.mu.Unlock()
	if e.packed { // a file that became empty: nothing but FILEEND came
		e.mu.Lock()
		e.root, e.size, e.hashed = end.Root, 0, true
		e.mu.Unlock()
		if end.Size != 0 || checksum.Digest(end.Root) != checksum.Sum(nil) {
			return failure.Violation("FILEEND without content for entry %d", t.ID)
		}
		return r.storeSmall(e, nil)
	}
	if t.Kind == tree.Stream {
		if err := chunks.Finish(int64(end.Size)); err != nil {
			return failure.Violation("FILEEND of stream %d: %v", t.ID, err)
		}
	}
	root, err := chunks.Root()
	if err != nil {
		return failure.Violation("FILEEND of entry %d: %v", t.ID, err)
	}
	if root != checksum.Digest(end.Root) {
		// Each chunk was right and the whole is not: what is here cannot be trusted.
		if err := p.Discard(false); err != nil {
			return failure.Destination("discarding", e.path(), err)
		}
		return r.fail(e, "verifying", &transfer.Error{Code: framing.CodeDigest, Err: errors.New("the digests of the whole file differ; run the same command again")})
	}
	e.mu.Lock()
	e.root, e.size, e.hashed = root, int64(end.Size), true
	untouched := e.old && e.got == 0 && e.expect != nil && e.expect.Size == e.size && !(e.lent != nil && e.lent.claimed)
	fill := e.lent != nil && !e.lent.filled
	e.mu.Unlock()
	if untouched {
		// All of it is what the older file has: that stays.
		if found, err := r.lookUp(t); err == nil && found != nil && r.unchanged(t, *found, *e.expect) {
			e.io.Lock()
			e.mu.Lock()
			e.partial = nil
			e.mu.Unlock()
			err := p.Discard(false)
			e.io.Unlock()
			if err != nil {
				return r.fail(e, "putting aside", err)
			}
			return r.equal(e, e.name)
		}
	}
	if fill {
		r.bases.Put(e)
		return nil
	}
	// A chunk that came twice may still be written.
	e.io.Lock()
	err = p.Seal(t, int64(end.Size), root)
	e.io.Unlock()
	if err != nil {
		return r.fail(e, "completing", err)
	}
	r.ready.Put(e)
	return nil
}
