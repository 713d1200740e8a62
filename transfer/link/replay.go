package link

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	// replayBlock is the unit, in bytes, in which copies of sent bytes are kept.
	replayBlock = 64 << 10
	// replayLimit is how much a stream keeps before it sends no more: about
	// the credit of a delivery over a long path, in bytes.
	replayLimit = 16 << 20
	// spareBlocks are kept for reuse: a short path has few bytes under way.
	spareBlocks = 8
)

// errBehind: what is acknowledged was acknowledged before, and is kept no more.
var errBehind = errors.New("bytes asked for again that were acknowledged")

// replay keeps the bytes that a stream has sent and the peer has not acknowledged, in
// case the connection that has them is lost. append, keep and writeTo belong to the
// writing half; drop, which comes from a reader, waits for none of them.
type replay struct {
	mu     sync.Mutex // guards what follows; no other lock is taken under it
	pieces []kept     // in the order of the stream
	skip   int        // bytes of the first piece that are acknowledged
	acked  uint64     // position in the stream of what comes after skip
	end    uint64     // and of what will be sent next
	block  *block     // where copies go; nil before the first
	spare  []*block
}

// kept is a run of bytes: a copy in a block, or lent by the caller.
type kept struct {
	b     []byte
	block *block
	back  func() // of a loan; then there is no block
}

// block holds copies, one after another.
type block struct {
	buf   []byte
	used  int
	users int // pieces in it
}

// append keeps a copy of p, which is about to be sent.
func (r *replay) append(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end += uint64(len(p))
	for len(p) > 0 {
		if r.block == nil || r.block.used == len(r.block.buf) {
			r.nextBlock()
		}
		k := r.block
		n := copy(k.buf[k.used:], p)
		if last := len(r.pieces) - 1; last >= 0 && r.pieces[last].block == k {
			// Nothing came between: the copies lie side by side.
			b := r.pieces[last].b
			r.pieces[last].b = b[:len(b)+n]
		} else {
			r.pieces = append(r.pieces, kept{b: k.buf[k.used : k.used+n], block: k})
			k.users++
		}
		k.used += n
		p = p[n:]
	}
}

// keep keeps the bytes of a loan themselves, and gives them back once they are
// acknowledged.
func (r *replay) keep(l loan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end += uint64(len(l.bytes))
	r.pieces = append(r.pieces, kept{b: l.bytes, back: l.back})
}

// nextBlock needs mu.
func (r *replay) nextBlock() {
	full := r.block
	if n := len(r.spare) - 1; n >= 0 {
		r.block = r.spare[n]
		r.spare = r.spare[:n]
	} else {
		r.block = &block{buf: make([]byte, replayBlock)}
	}
	if full != nil && full.users == 0 {
		r.retire(full)
	}
}

// retire takes a block that nobody uses back. It needs mu.
func (r *replay) retire(k *block) {
	k.used = 0
	if k != r.block && len(r.spare) < spareBlocks {
		r.spare = append(r.spare, k)
	}
}

// held is how many bytes are kept.
func (r *replay) held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.end - r.acked)
}

// position is where the next byte goes.
func (r *replay) position() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end
}

// drop forgets what comes before position. It is an error if that was never
// sent, and errBehind if it lies before what was acknowledged already. Loans are given
// back under no lock.
func (r *replay) drop(position uint64) error {
	done, err := r.forget(position)
	for _, back := range done {
		back()
	}
	return err
}

func (r *replay) forget(position uint64) (done []func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if position < r.acked {
		return nil, errBehind
	}
	if position > r.end {
		return nil, fmt.Errorf("bytes up to %d acknowledged, of %d sent", position, r.end)
	}
	r.skip += int(position - r.acked)
	r.acked = position
	n := 0
	for ; n < len(r.pieces) && r.skip >= len(r.pieces[n].b); n++ {
		p := r.pieces[n]
		r.skip -= len(p.b)
		if p.back != nil {
			done = append(done, p.back)
		} else if p.block.users--; p.block.users == 0 {
			r.retire(p.block)
		}
	}
	r.pieces = slices.Delete(r.pieces, 0, n)
	return done, nil
}

// writeTo writes all that is kept, and returns how many bytes that was. What an
// honest peer acknowledges meanwhile was written before, so that nothing under
// the hand is used again.
func (r *replay) writeTo(w io.Writer) (written uint64, err error) {
	r.mu.Lock()
	skip, pieces := r.skip, slices.Clone(r.pieces)
	r.mu.Unlock()
	for _, p := range pieces {
		n, err := w.Write(p.b[skip:])
		written += uint64(n)
		if err != nil {
			return written, err
		}
		skip = 0
	}
	return written, nil
}
