package receive

import (
	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// readPack takes a PACK or PACKZ of n bytes.
func (r *receiver) readPack(in framing.BodyReader, t framing.Type, n int) error {
	j := &inJob{cost: flow.FrameCost(n), pack: r.pool.Get(n)}
	if err := in.ReadFull(*j.pack); err != nil {
		return err
	}
	if t == framing.TypePackZ {
		if r.decoder == nil {
			return failure.Violation("%v was not agreed on", t)
		}
		var err error
		if j.content, err = framing.ParsePackZ(*j.pack); err != nil {
			return failure.Malformed(err)
		}
		j.zstd = true
	}
	r.jobs.Put(j)
	return nil
}

// readData takes a piece off the stream into the chunk it belongs to. The
// pieces of a file's chunk follow each other on one stream; those of a stream
// of unknown length may have others between them.
func (r *receiver) readData(stream int, chunk *assembly) error {
	in := r.link.Stream(stream)
	body := in.Remaining()
	var scratch [52]byte
	h, n, err := framing.ReadDataHeader(in, scratch[:])
	if err != nil {
		return err
	}
	e, err := r.named(h.ID)
	if err != nil {
		return err
	}
	if e == nil {
		r.forget(chunk, h.ID)
		return r.discard(in, n, body)
	}
	e.mu.Lock()
	attempt, asked, size, kind := e.attempt, e.asked, e.entry.Size, e.kind
	e.mu.Unlock()
	if h.Attempt != attempt {
		r.forget(chunk, h.ID)
		return r.discard(in, n, body)
	}
	if !asked {
		return failure.Violation("DATA for entry %d, which was not asked for", h.ID)
	}
	index := h.Offset / checksum.ChunkSize
	at := int(h.Offset % checksum.ChunkSize)
	length := checksum.ChunkSize
	if kind == tree.Stream {
		chunk = &e.stream
		if stream != 0 {
			return failure.Violation("a piece of a stream on stream %d", stream)
		}
	} else if length = checksum.ChunkLen(size, index); length == 0 {
		return failure.Violation("DATA past the end of entry %d", h.ID)
	}
	if h.Encoding == framing.EncodingZeros {
		return r.readZeros(in, e, h, n, body, length)
	}
	packed := h.Encoding == framing.EncodingZstd
	if packed && r.decoder == nil {
		return failure.Violation("encoding %d was not agreed on", h.Encoding)
	}
	if r.opt.Output != nil && !packed {
		if chunk.job != nil && r.isOpen(chunk.job.entry) {
			return failure.Violation("chunk %d begins before chunk %d ended", index, chunk.job.index)
		}
		j := &inJob{entry: e, index: index, data: r.pool.Get(n), check: h.Check, from: at, last: h.Last(), cost: flow.FrameCost(body)}
		if n > length-at || h.Last() && kind == tree.File && at+n != length {
			return failure.Violation("a piece of %d bytes at %d does not fit", n, h.Offset)
		}
		if err := in.ReadFull(*j.data); err != nil {
			return err
		}
		if kind == tree.Stream {
			if err := r.bound.content(n); err != nil {
				return err
			}
		}
		r.jobs.Put(j)
		return nil
	}
	if j := chunk.job; j != nil && at == 0 && (j.entry != e && !r.isOpen(j.entry) || j.entry == e && j.attempt != attempt) {
		r.forget(chunk, j.entry.id)
	}
	j := chunk.job
	if at == 0 {
		if j != nil {
			return failure.Violation("chunk %d begins before chunk %d ended", index, j.index)
		}
		j = &inJob{entry: e, attempt: h.Attempt, index: index, zstd: packed}
		if chunk.job, chunk.filled = j, 0; packed {
			j.data = r.pool.Get(n)
		} else {
			j.data = r.pool.Get(length)
		}
	}
	if j == nil || j.entry != e || j.attempt != h.Attempt || j.index != index || j.zstd != packed || chunk.filled != at || n > length-at {
		return failure.Violation("a piece of %d bytes at %d does not follow", n, h.Offset)
	}
	if packed {
		r.extend(j, at+n)
	}
	if err := in.ReadFull((*j.data)[at : at+n]); err != nil {
		return err
	}
	if kind == tree.Stream {
		if !packed {
			if err := r.bound.content(n); err != nil {
				return err
			}
		}
		// Pieces of a slow stream are small and their chunk is long in coming: all
		// but the bytes that are kept is granted again at once.
		j.cost += int64(n)
		r.jobs.Put(&inJob{cost: flow.FrameCost(body) - int64(n)})
	} else {
		j.cost += flow.FrameCost(body)
	}
	chunk.filled += n
	if !h.Last() {
		return nil
	}
	*j.data = (*j.data)[:chunk.filled]
	whole := chunk.filled
	if packed {
		if whole, err = framing.ParseZstd(*j.data, length); err != nil {
			return failure.Malformed(err)
		}
		if kind == tree.Stream {
			if err := r.bound.content(whole); err != nil {
				return err
			}
		}
		j.content, j.last = whole, true
	}
	if kind != tree.Stream && whole != length {
		return failure.Violation("chunk %d of entry %d ends after %d bytes", index, h.ID, whole)
	}
	j.check = h.Check
	*chunk = assembly{}
	r.jobs.Put(j)
	return nil
}

// extend makes room for n bytes of a frame. Its buffer grows as they come: what it
// will hold is no reason to keep a buffer for it, and neither is what it states.
func (r *receiver) extend(j *inJob, n int) {
	if n > cap(*j.data) {
		larger := r.pool.Get(n)
		copy(*larger, *j.data)
		r.pool.Put(j.data)
		j.data = larger
	}
	*j.data = (*j.data)[:n]
}

// unfold decodes what came as a zstd frame.
func (r *receiver) unfold(j *inJob) error {
	if !j.zstd {
		return nil
	}
	buf := &j.data
	if j.pack != nil {
		buf = &j.pack
	}
	plain, err := r.decoder.Unfold(&r.pool, **buf, j.content)
	if err != nil {
		return failure.Violation("%v", err)
	}
	r.pool.Put(*buf)
	*buf, j.zstd = plain, false
	return nil
}

// forget drops a chunk that is half there when its entry or attempt is over.
func (r *receiver) forget(chunk *assembly, id uint64) {
	if j := chunk.job; j != nil && j.entry.id == id {
		r.jobs.Put(&inJob{cost: j.cost})
		r.pool.Put(j.data)
		*chunk = assembly{}
	}
}

// readZeros takes a chunk that was sent as a count of zero bytes.
func (r *receiver) readZeros(in framing.BodyReader, e *inEntry, h framing.DataHeader, n, body, length int) error {
	var b [4]byte
	if n != len(b) {
		return failure.Violation("zeros of %d bytes", n)
	}
	if err := in.ReadFull(b[:]); err != nil {
		return err
	}
	zeros, err := framing.ParseZeros(b[:])
	if err != nil {
		return failure.Malformed(err)
	}
	if int(zeros) != length || h.Offset%checksum.ChunkSize != 0 || e.kind == tree.Stream {
		return failure.Violation("%d zeros for a chunk of %d bytes", zeros, length)
	}
	r.jobs.Put(&inJob{entry: e, attempt: h.Attempt, index: h.Offset / checksum.ChunkSize, zeros: length, check: h.Check, last: true, cost: flow.FrameCost(body)})
	return nil
}

// discard reads what is no longer wanted, and grants its credit again.
func (r *receiver) discard(in framing.BodyReader, n, body int) error {
	b := r.pool.Get(n)
	defer r.pool.Put(b)
	if err := in.ReadFull(*b); err != nil {
		return err
	}
	r.jobs.Put(&inJob{cost: flow.FrameCost(body)})
	return nil
}
