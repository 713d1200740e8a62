package transfer

import (
	"context"
	"errors"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/tree"
)

// inJob is a unit of hashing and writing at the receiver. One goroutine has it
// at a time: read, then a worker.
type inJob struct {
	cost int64 // credit to grant again when it is done

	pack *[]byte // the body of a PACK frame

	entry   *inEntry // or a chunk of this entry
	attempt uint8
	index   uint64
	data    *[]byte // nil with zeros, and with a job that only completes the entry
	zeros   int     // a chunk of so many zero bytes
	check   [32]byte

	// In an ordered delivery data is one piece of the chunk.
	from int  // its place in the chunk
	last bool // it ends the chunk
}

// assembly gathers the pieces of one chunk.
type assembly struct {
	job    *inJob
	filled int
}

// read takes frames off one stream until RECEIPT was answered.
func (r *receiver) read(ctx context.Context, stream int) error {
	in := r.link.Stream(stream)
	if stream == 0 {
		defer close(r.heard)
	}
	var chunk assembly // of the file chunk that comes on this stream
	for {
		t, n, err := in.Next()
		if err == nil && (t == framing.TypeData || t == framing.TypePack) {
			if !r.asking.Load() {
				return violation("%v before anything was asked for", t)
			}
			if r.owed.Add(frameCost(n)) > creditWindow {
				return violation("more than the %d bytes of credit granted", creditWindow)
			}
		}
		if err == nil {
			switch t {
			case framing.TypeData:
				err = r.readData(stream, &chunk)
			case framing.TypePack:
				body := r.pool.get(n)
				if err = in.ReadFull(*body); err == nil {
					r.jobs.put(&inJob{cost: frameCost(n), pack: body})
				}
			default:
				var body []byte
				if stream != 0 {
					return violation("%v on stream %d", t, stream)
				}
				if body, err = in.Body(); err == nil {
					var end bool
					if end, err = r.dispatch(t, body); end {
						return nil
					}
				}
			}
		}
		if err == nil {
			continue
		}
		if r.receipt.Load() { // whatever ends the link now changes nothing
			if errors.Is(err, io.EOF) {
				r.acknowledged.Store(true)
			}
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return linkError("receiving", err)
	}
}

// dispatch handles one control frame; end says that it was the goodbye after
// the receipt.
func (r *receiver) dispatch(t framing.Type, body []byte) (end bool, err error) {
	switch t {
	case framing.TypeEntry:
		return false, r.onEntries(body)
	case framing.TypeFileEnd:
		for f, err := range framing.ParseFileEnds(body) {
			if err != nil {
				return false, malformed(err)
			}
			if err := r.onFileEnd(f); err != nil {
				return false, err
			}
		}
		return false, nil
	case framing.TypeChanged:
		c, err := framing.ParseChanged(body)
		if err != nil {
			return false, malformed(err)
		}
		e, err := r.named(c.ID)
		if e == nil || err != nil {
			return false, err
		}
		return false, r.handOn(planItem{in: e, changed: &c})
	case framing.TypeChecked:
		c, err := framing.ParseChecked(body)
		if err != nil {
			return false, malformed(err)
		}
		e, err := r.named(c.ID)
		if err != nil {
			return false, err
		}
		return false, r.onChecked(e, c)
	case framing.TypeFault:
		f, err := framing.ParseFault(body)
		if err != nil {
			return false, malformed(err)
		}
		if f.ID == 0 {
			return false, remoteError("delivering", f.Code, f.Message)
		}
		e, err := r.named(f.ID)
		if e == nil || err != nil {
			return false, err
		}
		return false, r.handOn(planItem{in: e, fault: &f})
	case framing.TypeEnd:
		m, err := framing.ParseEnd(body)
		if err != nil {
			return false, malformed(err)
		}
		return false, r.onEnd(m)
	case framing.TypeBye:
		b, err := framing.ParseBye(body)
		if err != nil {
			return false, malformed(err)
		}
		if r.receipt.Load() {
			r.acknowledged.Store(b.Code == framing.CodeNone)
			return true, nil
		}
		return false, farewellError(b)
	}
	return false, violation("%v from a sender", t)
}

// handOn queues what the sender says of an entry: at most a change and that it
// gives up, before either is handled, so that the entry window bounds the queue.
func (r *receiver) handOn(it planItem) error {
	it.in.mu.Lock()
	it.in.said++
	said := it.in.said
	it.in.mu.Unlock()
	if said > 2 {
		return violation("too much at once about entry %d", it.in.id)
	}
	r.plans.put(it)
	return nil
}

// named finds an entry that a frame speaks of. It is nil when the entry was
// settled, which crosses with what the sender still says of it.
func (r *receiver) named(id uint64) (*inEntry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id == 0 || id > r.lastID {
		return nil, violation("entry %d was not announced", id)
	}
	return r.entries[id], nil
}

// isOpen tells whether an entry still awaits its verdict.
func (r *receiver) isOpen(e *inEntry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entries[e.id] == e
}

// onEntries takes announcements in. The window bounds what is kept for them.
func (r *receiver) onEntries(body []byte) error {
	var items []planItem
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != nil {
		return violation("ENTRY after END")
	}
	for w, err := range framing.ParseEntries(body) {
		if err != nil {
			return malformed(err)
		}
		t := treeEntry(&w)
		if t.Kind == tree.FolderEnd {
			if !r.open[t.ID] {
				return violation("the end of folder %d, which is not open", t.ID)
			}
			delete(r.open, t.ID)
			items = append(items, planItem{folderEnd: t.ID})
			continue
		}
		if t.ID != r.lastID+1 {
			return violation("entry %d follows entry %d", t.ID, r.lastID)
		}
		r.lastID = t.ID
		e := &inEntry{id: t.ID, kind: t.Kind, name: t.Name, entry: t}
		if r.entries[t.ID] = e; len(r.entries) > entryWindow {
			return violation("more than %d entries in flight", entryWindow)
		}
		if t.Kind == tree.Folder || t.Kind == tree.Root {
			// Those that failed are settled, and yet kept until they end.
			if r.open[t.ID] = true; len(r.open) > entryWindow {
				return violation("more than %d folders open", entryWindow)
			}
		}
		items = append(items, planItem{in: e})
	}
	var n, size int64
	for _, it := range items {
		if it.in != nil {
			n++
			size += max(it.in.entry.Size, 0)
		}
	}
	r.track.update(func(p *Progress, _ *Result) { p.Items += n; p.Total += size })
	r.plans.put(items...)
	return nil
}

func (r *receiver) onEnd(m framing.End) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != nil || m.Entries != r.lastID {
		return violation("END counts %d entries, announced were %d", m.Entries, r.lastID)
	}
	r.end = &m
	r.track.update(func(p *Progress, res *Result) {
		p.Exact = true
		p.Items += int64(m.Failed)
		p.Done += int64(m.Failed)
		res.Failed += int64(m.Failed)
	})
	r.closeIfComplete()
	return nil
}

func (r *receiver) onFileEnd(f framing.FileEnd) error {
	e, err := r.named(f.ID)
	if e == nil || err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.attempt != f.Attempt {
		return nil // crossed with a change that plan has not handled yet
	}
	if !e.asked || e.end != nil || e.kind == tree.File && f.Size != uint64(e.entry.Size) {
		return violation("FILEEND of %d bytes for entry %d", f.Size, f.ID)
	}
	e.end = &f
	if r.opt.Output != nil {
		r.jobs.put(&inJob{entry: e}) // behind the pieces, which came before it
		return nil
	}
	r.completeIfDone(e)
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
		return violation("DATA for entry %d, which was not asked for", h.ID)
	}
	index := h.Offset / checksum.ChunkSize
	at := int(h.Offset % checksum.ChunkSize)
	length := checksum.ChunkSize
	if kind == tree.Stream {
		chunk = &e.stream
		if stream != 0 {
			return violation("a piece of a stream on stream %d", stream)
		}
	} else if length = checksum.ChunkLen(size, index); length == 0 {
		return violation("DATA past the end of entry %d", h.ID)
	}
	if h.Encoding == framing.EncodingZeros {
		return r.readZeros(in, e, h, n, body, length)
	}
	if h.Encoding != framing.EncodingRaw {
		return violation("encoding %d was not agreed on", h.Encoding)
	}
	if r.opt.Output != nil {
		j := &inJob{entry: e, index: index, data: r.pool.get(n), check: h.Check, from: at, last: h.Last(), cost: frameCost(body)}
		if n > length-at || h.Last() && kind == tree.File && at+n != length {
			return violation("a piece of %d bytes at %d does not fit", n, h.Offset)
		}
		if err := in.ReadFull(*j.data); err != nil {
			return err
		}
		r.jobs.put(j)
		return nil
	}
	if j := chunk.job; j != nil && at == 0 && (j.entry != e && !r.isOpen(j.entry) || j.entry == e && j.attempt != attempt) {
		r.forget(chunk, j.entry.id)
	}
	j := chunk.job
	if at == 0 {
		if j != nil {
			return violation("chunk %d begins before chunk %d ended", index, j.index)
		}
		j = &inJob{entry: e, attempt: h.Attempt, index: index, data: r.pool.get(length)}
		chunk.job, chunk.filled = j, 0
	}
	if j == nil || j.entry != e || j.attempt != h.Attempt || j.index != index || chunk.filled != at || n > length-at {
		return violation("a piece of %d bytes at %d does not follow", n, h.Offset)
	}
	if err := in.ReadFull((*j.data)[at : at+n]); err != nil {
		return err
	}
	if kind == tree.Stream {
		// Pieces of a slow stream are small and their chunk is long in coming: all
		// but the bytes that are kept is granted again at once.
		j.cost += int64(n)
		r.jobs.put(&inJob{cost: frameCost(body) - int64(n)})
	} else {
		j.cost += frameCost(body)
	}
	chunk.filled += n
	if !h.Last() {
		return nil
	}
	if kind != tree.Stream && chunk.filled != length {
		return violation("chunk %d of entry %d ends after %d bytes", index, h.ID, chunk.filled)
	}
	*j.data = (*j.data)[:chunk.filled]
	j.check = h.Check
	*chunk = assembly{}
	r.jobs.put(j)
	return nil
}

// forget drops a chunk that is half there when its entry or attempt is over.
func (r *receiver) forget(chunk *assembly, id uint64) {
	if j := chunk.job; j != nil && j.entry.id == id {
		r.jobs.put(&inJob{cost: j.cost})
		r.pool.put(j.data)
		*chunk = assembly{}
	}
}

// readZeros takes a chunk that was sent as a count of zero bytes.
func (r *receiver) readZeros(in framing.BodyReader, e *inEntry, h framing.DataHeader, n, body, length int) error {
	var b [4]byte
	if n != len(b) {
		return violation("zeros of %d bytes", n)
	}
	if err := in.ReadFull(b[:]); err != nil {
		return err
	}
	zeros, err := framing.ParseZeros(b[:])
	if err != nil {
		return malformed(err)
	}
	if int(zeros) != length || h.Offset%checksum.ChunkSize != 0 || e.kind == tree.Stream {
		return violation("%d zeros for a chunk of %d bytes", zeros, length)
	}
	r.jobs.put(&inJob{entry: e, attempt: h.Attempt, index: h.Offset / checksum.ChunkSize, zeros: length, check: h.Check, last: true, cost: frameCost(body)})
	return nil
}

// discard reads what is no longer wanted, and grants its credit again.
func (r *receiver) discard(in framing.BodyReader, n, body int) error {
	b := r.pool.get(n)
	defer r.pool.put(b)
	if err := in.ReadFull(*b); err != nil {
		return err
	}
	r.jobs.put(&inJob{cost: frameCost(body)})
	return nil
}
