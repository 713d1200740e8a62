package link

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	// replayBlock is the unit in which sent bytes are kept, a DATA frame and a bit.
	replayBlock = 256 << 10
	// replayLimit is how much a stream keeps before it sends no more: the credit
	// of a delivery and the control frames that go beside it, in bytes.
	replayLimit = 16 << 20
	// spareBlocks are kept for reuse: a short path has few bytes under way.
	spareBlocks = 8
)

// errBehind: what is acknowledged was acknowledged before, and is kept no more.
var errBehind = errors.New("bytes asked for again that were acknowledged")

// replay keeps the bytes that a stream has sent and the peer has not
// acknowledged, in case the connection that has them is lost. append and writeTo
// belong to the writing half; drop, which comes from a reader, waits for neither.
type replay struct {
	mu     sync.Mutex
	blocks [][]byte // all full but the last
	skip   int      // bytes of the first block that are acknowledged
	acked  uint64   // position in the stream of what comes after skip
	end    uint64   // and of what will be sent next
	spare  [][]byte
}

// append keeps a copy of p, which was sent.
func (r *replay) append(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end += uint64(len(p))
	for len(p) > 0 {
		last := len(r.blocks) - 1
		if last < 0 || len(r.blocks[last]) == cap(r.blocks[last]) {
			r.blocks = append(r.blocks, r.fresh())
			last++
		}
		b := r.blocks[last]
		n := min(len(p), cap(b)-len(b))
		r.blocks[last] = append(b, p[:n]...)
		p = p[n:]
	}
}

func (r *replay) fresh() []byte {
	if n := len(r.spare) - 1; n >= 0 {
		b := r.spare[n]
		r.spare = r.spare[:n]
		return b
	}
	return make([]byte, 0, replayBlock)
}

// held is how many bytes are kept.
func (r *replay) held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.end - r.acked)
}

// drop forgets what comes before position. It is an error if that was never
// sent, and errBehind if it lies before what was acknowledged already.
func (r *replay) drop(position uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if position < r.acked {
		return errBehind
	}
	if position > r.end {
		return fmt.Errorf("bytes up to %d acknowledged, of %d sent", position, r.end)
	}
	r.skip += int(position - r.acked)
	r.acked = position
	done := 0
	for done < len(r.blocks) && r.skip >= len(r.blocks[done]) {
		b := r.blocks[done]
		if len(b) < cap(b) && position < r.end {
			break // the block that is being filled
		}
		r.skip -= len(b)
		if len(r.spare) < spareBlocks {
			r.spare = append(r.spare, b[:0])
		}
		r.blocks[done] = nil
		done++
	}
	r.blocks = r.blocks[:copy(r.blocks, r.blocks[done:])]
	return nil
}

// writeTo writes all that is kept. What is dropped meanwhile is not reused
// before it returns: only append does that.
func (r *replay) writeTo(w io.Writer) error {
	r.mu.Lock()
	skip, blocks := r.skip, slices.Clone(r.blocks)
	r.mu.Unlock()
	for _, b := range blocks {
		if _, err := w.Write(b[skip:]); err != nil {
			return err
		}
		skip = 0
	}
	return nil
}
