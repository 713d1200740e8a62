package receive

import (
	"context"
	"errors"
	"io"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/wire"
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
	zstd    bool    // data, or pack, is a zstd frame
	content int     // bytes that the frame states to hold
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
		if err == nil && (t == framing.TypeData || t == framing.TypePack || t == framing.TypePackZ) {
			if !r.asking.Load() {
				return failure.Violation("%v before anything was asked for", t)
			}
			if err := r.used(flow.FrameCost(n)); err != nil {
				return err
			}
		}
		if err == nil {
			switch t {
			case framing.TypeData:
				err = r.readData(stream, &chunk)
			case framing.TypePack, framing.TypePackZ:
				err = r.readPack(in, t, n)
			default:
				var body []byte
				if stream != 0 {
					return failure.Violation("%v on stream %d", t, stream)
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
			if stream == 0 && errors.Is(err, io.EOF) {
				r.acknowledged.Store(true)
			}
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return failure.Link("receiving", err)
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
				return false, failure.Malformed(err)
			}
			if err := r.onFileEnd(f); err != nil {
				return false, err
			}
		}
		return false, nil
	case framing.TypeChanged:
		c, err := framing.ParseChanged(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		e, err := r.named(c.ID)
		if e == nil || err != nil {
			return false, err
		}
		return false, r.handOn(planItem{in: e, changed: &c})
	case framing.TypeChecked:
		c, err := framing.ParseChecked(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		e, err := r.named(c.ID)
		if err != nil {
			return false, err
		}
		return false, r.onChecked(e, c)
	case framing.TypeFault:
		f, err := framing.ParseFault(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		if f.ID == 0 {
			return false, failure.Remote("delivering", f.Code, f.Message)
		}
		e, err := r.named(f.ID)
		if e == nil || err != nil {
			return false, err
		}
		return false, r.handOn(planItem{in: e, fault: &f})
	case framing.TypeEnd:
		m, err := framing.ParseEnd(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		return false, r.onEnd(m)
	case framing.TypeStreams:
		return false, r.onStreams(body)
	case framing.TypeBye:
		b, err := framing.ParseBye(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		if r.receipt.Load() {
			r.acknowledged.Store(b.Code == framing.CodeNone)
			return true, nil
		}
		return false, failure.Farewell(b)
	}
	return false, failure.Violation("%v from a sender", t)
}

// handOn queues what the sender says of an entry: at most a change and that it
// gives up, before either is handled, so that the entry window bounds the queue.
func (r *receiver) handOn(it planItem) error {
	it.in.mu.Lock()
	it.in.said++
	said := it.in.said
	it.in.mu.Unlock()
	if said > 2 {
		return failure.Violation("too much at once about entry %d", it.in.id)
	}
	r.plans.Put(it)
	return nil
}

// named finds an entry that a frame speaks of. It is nil when the entry was
// settled, which crosses with what the sender still says of it.
func (r *receiver) named(id uint64) (*inEntry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id == 0 || id > r.lastID {
		return nil, failure.Violation("entry %d was not announced", id)
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
		return failure.Violation("ENTRY after END")
	}
	for w, err := range framing.ParseEntries(body) {
		if err != nil {
			return failure.Malformed(err)
		}
		t := wire.ToEntry(&w)
		if t.Kind == tree.FolderEnd {
			if !r.open[t.ID] {
				return failure.Violation("the end of folder %d, which is not open", t.ID)
			}
			delete(r.open, t.ID)
			items = append(items, planItem{folderEnd: t.ID})
			continue
		}
		if t.ID != r.lastID+1 {
			return failure.Violation("entry %d follows entry %d", t.ID, r.lastID)
		}
		r.lastID = t.ID
		e := &inEntry{id: t.ID, kind: t.Kind, name: t.Name, entry: t, weight: wire.Weight(&w), holes: w.Holes, most: t.Size}
		if r.entries[t.ID] = e; len(r.entries) > flow.EntryWindow {
			return failure.Violation("more than %d entries in flight", flow.EntryWindow)
		}
		if r.held += e.weight; r.held > flow.EntryBytes {
			return failure.Violation("more than %d bytes of entries in flight", flow.EntryBytes)
		}
		if t.Kind == tree.Folder || t.Kind == tree.Root {
			// Those that failed are settled, and yet kept until they end.
			if r.open[t.ID] = true; len(r.open) > flow.EntryWindow {
				return failure.Violation("more than %d folders open", flow.EntryWindow)
			}
		}
		items = append(items, planItem{in: e})
	}
	var n, size int64
	for _, it := range items {
		if it.in != nil {
			n++
			size = flow.Plus(size, max(it.in.entry.Size, 0))
		}
	}
	r.track.Announced(n, size)
	r.plans.Put(items...)
	return nil
}

func (r *receiver) onEnd(m framing.End) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != nil || m.Entries != r.lastID {
		return failure.Violation("END counts %d entries, announced were %d", m.Entries, r.lastID)
	}
	r.end = &m
	r.track.WalkedThere(int64(m.Failed))
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
		return failure.Violation("FILEEND of %d bytes for entry %d", f.Size, f.ID)
	}
	e.end = &f
	if r.opt.Output != nil {
		r.jobs.Put(&inJob{entry: e}) // behind the pieces, which came before it
		return nil
	}
	r.completeIfDone(e)
	return nil
}
