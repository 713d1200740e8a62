package send

import (
	"errors"
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer/internal/delta"
	"ferry/transfer/internal/failure"
)

// lists is what the receiver lists of its old files: how many pieces, of all entries in
// flight. It lists delta.MaxPieces at most; those of entries that it has settled count here
// for a while longer than there.
type lists struct{ pieces atomic.Int64 }

// onPieces takes a part of such a list. It comes behind a page that was held, so the file
// was opened, unless this side gave it up.
func (c *control) onPieces(m framing.Pieces) error {
	if !c.patches {
		return failure.Violation("PIECES was not agreed on")
	}
	open, err := c.book.listed(m.ID)
	if open == nil || err != nil {
		return err
	}
	if err := open.list(&m); err != nil {
		return failure.Violation("PIECES of entry %d: %v", m.ID, err)
	}
	return nil
}

// listed returns the file of which pieces are listed; nil if nothing more of it is sent.
func (b *book) listed(id uint64) (*content, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	switch {
	case id > b.last:
		return nil, failure.Violation("PIECES of entry %d, which was not announced", id)
	case e == nil:
		return nil, nil // they crossed with the verdict
	}
	c, _ := e.open.(*content)
	if c == nil && e.failed == nil {
		return nil, failure.Violation("PIECES of entry %d, of which no page was held", id)
	}
	return c, nil
}

var (
	errListed     = errors.New("they do not go on with the list")
	errManyListed = errors.New("there are too many")
)

// list adds to the list of the attempt that it is for. One for another attempt crossed with a
// change, and is dropped.
func (c *content) list(m *framing.Pieces) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.now
	if a == nil || a.number != m.Attempt {
		return nil
	}
	if a.old == nil {
		a.old = delta.NewIndex(m.Level)
	}
	n := int64(len(m.Pieces))
	switch {
	case a.old.Ready() || a.old.Level() != m.Level:
		return errListed
	case c.lists.pieces.Load()+n > 2*delta.MaxPieces:
		return errManyListed
	case !a.old.Add(m.Pieces, m.Last):
		return errListed
	}
	c.lists.pieces.Add(n)
	return nil
}

// over ends the attempt that is under way, and with it its list. It needs mu.
func (c *content) over() {
	if a := c.now; a != nil && a.old != nil {
		c.lists.pieces.Add(-int64(a.old.Len()))
	}
	c.now = nil
}

// old returns the list of an attempt, if it is whole; else nil.
func (c *content) old(a *attempt) *delta.Index {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := a.old; c.now == a && x != nil && x.Ready() {
		return x
	}
	return nil
}

// lookUp returns what the chunk of a job may be put together from; nil if it goes whole.
func (j *chunkJob) lookUp() *delta.Index {
	if !j.patch || j.single() {
		return nil
	}
	return j.content.old(j.attempt)
}

// fewLiterals is which part of a chunk the copies of it are less than if nobody looks whether
// the chunk is shorter as a zstd frame.
const fewLiterals = 8

// weave reads the chunk of a job that the receiver may put together from what it has, and what
// stands around it. If copied is set, the payload that says how is the reader's woven, and goes
// in the place of the chunk unless that shrinks to less.
func (j *chunkJob) weave(r *reader, x *delta.Index) (stale bool, err error) {
	at := int64(j.Offset)
	w := r.weaver.Window(x, at, j.Size, j.attempt.size())
	if stale, err = j.content.fill(j.attempt, w.From, w.Data); stale || err != nil {
		return stale, err
	}
	copy(j.Data, w.Chunk())
	r.woven, j.copied = r.weaver.Weave(r.woven[:0], x, &w)
	return false, nil
}

// replace has a payload go in the place of the chunk.
func (j *chunkJob) replace(payload []byte) {
	frame := j.bufs.pool.Get(len(payload))
	copy(*frame, payload)
	j.bufs.pool.Put(j.buf)
	j.bufs.shrunk(j.Size, len(payload))
	j.buf, j.Data, j.Encoding = frame, *frame, framing.EncodingCopies
}

// tellCopied counts a chunk that went as copies: what stood between them crossed, and the rest
// is there.
func (j *chunkJob) tellCopied() {
	path, n := j.content.entry.item.Display, int64(j.Size-j.copied)
	j.track.Moved(n, n, path)
	j.track.Kept(int64(j.copied))
	j.track.Reused(int64(j.copied), path)
}
