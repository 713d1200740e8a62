package link

import (
	"bytes"
	"math/rand/v2"
	"sort"
	"testing"
)

// The oracle is a plain slice of all that was ever sent.
func TestReplayKeepsWhatIsNotAcknowledged(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var r replay
	var all []byte
	var acked, back int
	var lent []int // where what was lent ends
	for range 600 {
		switch rnd.IntN(3) {
		case 0:
			p := make([]byte, rnd.IntN(3*replayBlock/2))
			for i := range p {
				p[i] = byte(rnd.Uint32())
			}
			switch {
			case len(all)-acked > 8*replayBlock:
			case rnd.IntN(2) == 0:
				r.append(p)
				all = append(all, p...)
				clear(p) // it was copied
			default:
				all = append(all, p...)
				lent = append(lent, len(all))
				r.keep(loan{p, func() { back++ }})
			}
		case 1:
			acked += rnd.IntN(len(all) - acked + 1)
			if err := r.drop(uint64(acked)); err != nil {
				t.Fatal(err)
			}
			want := sort.SearchInts(lent, acked+1)
			// What is lent empty may wait for the next acknowledgement.
			for want > 0 && back < want && lent[want-1] == acked {
				want--
			}
			if back < want || back > sort.SearchInts(lent, acked+1) {
				t.Fatalf("%d of what was lent given back at %d, want %d", back, acked, want)
			}
		case 2:
			var got bytes.Buffer
			if _, err := r.writeTo(&got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), all[acked:]) || r.held() != len(all)-acked {
				t.Fatalf("%d bytes kept of %d", got.Len(), len(all)-acked)
			}
		}
		blocks := make(map[*block]bool)
		for _, p := range r.pieces {
			blocks[p.block] = true
		}
		if len(r.spare) > spareBlocks || len(blocks) > 8+8+2 {
			t.Fatalf("%d blocks and %d spare ones", len(blocks), len(r.spare))
		}
	}
	if r.drop(uint64(len(all)+1)) == nil {
		t.Error("bytes that were never sent are acknowledged")
	}
	if err := r.drop(uint64(acked - 1)); err != errBehind {
		t.Errorf("an acknowledgement was taken back: %v", err)
	}
}
