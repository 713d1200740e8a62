package object

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
)

// room gets n bytes of memory for a piece. It waits as long as something under way will give
// room: parts on their way, and files that wait to be published. If nothing will, all of it is
// parts that are not whole, and one of them is put aside.
func (f *files) room(n int64) error {
	for {
		ok, err := f.budget.take(f.s.ctx, n)
		if ok || err != nil {
			return err
		}
		if !f.spill() {
			// Small files wait that nobody has begun to publish, or all parts are in use this
			// moment: this is one more.
			f.budget.force(n)
			return nil
		}
	}
}

// spilled are chunks of a part that is not whole, put aside in the store for want of memory.
type spilled struct {
	key string
	// chunks are of the part, in the order in which they stand there. Only the last one of a
	// file is shorter than others, and it is the last one here.
	chunks []int
}

// written is in the place of a chunk that was written to after it was put aside.
const written = -1

// spill makes room: it puts the part aside that was touched longest ago. False: there is none.
// This happens only where chunks come in an order that leaves gaps in more parts than fit into
// memory; it costs that such a part goes to the store twice, and comes back once.
func (f *files) spill() bool {
	p, pc := f.idlest()
	if pc == nil {
		return false
	}
	return p.spill(pc)
}

// idlest finds a part that may be put aside, and has it be nobody else's.
func (f *files) idlest() (of *partial, least *piece) {
	for _, p := range f.work.list() {
		if pc := p.idlest(); pc != nil && (least == nil || pc.touched < least.touched) {
			of, least = p, pc
		}
	}
	if least != nil && !of.setAside(least) {
		return nil, nil
	}
	return of, least
}

// idlest is the part that was touched longest ago. Nobody needs to read what is in it: all of
// it is noted.
func (p *partial) idlest() (least *piece) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pc := range p.pieces {
		if p.mayLeave(pc) && (least == nil || pc.touched < least.touched) {
			least = pc
		}
	}
	return least
}

// mayLeave tells whether a part can be put aside. Callers hold mu.
func (p *partial) mayLeave(pc *piece) bool {
	if p.up == nil || p.sealed || p.ended || pc.gone || pc.busy != nil || pc.buf == nil || pc.users > 0 || p.lay.streamed {
		return false
	}
	for i, has := range pc.has {
		if has && !pc.noted[i] {
			return false
		}
	}
	return true
}

// setAside claims a part for that.
func (p *partial) setAside(pc *piece) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mayLeave(pc) {
		return false
	}
	pc.busy = make(chan struct{})
	return true
}

// spill puts the chunks of a claimed part aside that are in memory.
func (p *partial) spill(pc *piece) bool {
	var s spilled
	var body []byte
	for i, has := range pc.has {
		if has && !pc.isAside(i) {
			s.chunks = append(s.chunks, i)
			// They move to the front of the buffer, so that nothing more is needed for it.
			at := i * checksum.ChunkSize
			n := copy(pc.buf[len(body):], pc.buf[at:min(at+checksum.ChunkSize, len(pc.buf))])
			body = pc.buf[:len(body)+n]
		}
	}
	var err error
	if len(s.chunks) > 0 {
		s.key = fmt.Sprintf("%s-%d-%s", stateKey("", p.key()), pc.number, rand.Text())
		_, err = p.f.s.b.Put(p.f.s.ctx, s.key, body, nil, bucket.Condition{})
	}
	p.mu.Lock()
	buf, busy := pc.buf, pc.busy
	pc.buf, pc.busy = nil, nil
	if err == nil && len(s.chunks) > 0 {
		pc.aside = append(pc.aside, s)
	}
	p.mu.Unlock()
	if err != nil {
		_ = p.broke("putting aside", err) // it is told by the next write
	}
	close(busy)
	p.f.budget.give(buf, pc.cost, false)
	return true
}

// isAside tells whether a chunk was put aside.
func (pc *piece) isAside(chunk int) bool {
	for _, s := range pc.aside {
		if slices.Contains(s.chunks, chunk) {
			return true
		}
	}
	return false
}

// rewritten says that a chunk has other bytes now.
func (pc *piece) rewritten(chunk int) {
	for _, s := range pc.aside {
		if i := slices.Index(s.chunks, chunk); i >= 0 {
			s.chunks[i] = written
		}
	}
}

// lockQuiet takes mu when no part is being put aside.
func (p *partial) lockQuiet() {
	for {
		var busy chan struct{}
		p.mu.Lock()
		for _, pc := range p.pieces {
			if pc.busy != nil {
				busy = pc.busy
			}
		}
		if busy == nil {
			return
		}
		p.mu.Unlock()
		<-busy
	}
}

// fetch brings back into a part that is gone what was put aside of it. What comes must be what
// went.
func (p *partial) fetch(ctx context.Context, pc *piece) error {
	start, n := p.lay.span(pc.number)
	if pc.buf == nil {
		if err := p.f.room(n); err != nil {
			return err
		}
		buf := p.f.budget.buffer(n)
		p.mu.Lock()
		pc.buf = buf
		p.mu.Unlock()
		p.f.budget.move(pc.cost)
	}
	first := uint64(start / checksum.ChunkSize)
	for _, s := range pc.aside {
		body, err := p.f.s.b.Get(ctx, s.key, 0, -1, "")
		if err != nil {
			return err
		}
		for _, chunk := range s.chunks {
			if chunk == written {
				if _, err = io.CopyN(io.Discard, body, checksum.ChunkSize); err == io.EOF {
					err = nil // it was the last one of the file
				}
				continue
			}
			at := chunk * checksum.ChunkSize
			to := pc.buf[at:min(at+checksum.ChunkSize, len(pc.buf))]
			if _, err = io.ReadFull(body, to); err == nil && checksum.NewNode(to, first+uint64(chunk)).CV() != pc.cvs[chunk] {
				err = fmt.Errorf("%w: the store gave back other bytes than were put aside", storage.ErrMismatch)
			}
			if err != nil {
				break
			}
		}
		_ = body.Close() // read only
		if err != nil {
			return err
		}
	}
	return nil
}

// clear removes what was put aside of parts.
func (p *partial) clear(ctx context.Context, pieces ...*piece) {
	var keys []string
	for _, pc := range pieces {
		for _, s := range pc.aside {
			keys = append(keys, s.key)
		}
	}
	if len(keys) > 0 {
		p.f.s.b.Delete(ctx, keys) // what stays is removed after a day
	}
}
