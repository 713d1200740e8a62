package link

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// The oracle is a plain slice of all that was ever sent.
func TestReplayKeepsWhatIsNotAcknowledged(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var r replay
	var all []byte
	var acked int
	for range 600 {
		switch rnd.IntN(3) {
		case 0:
			p := make([]byte, rnd.IntN(3*replayBlock/2))
			for i := range p {
				p[i] = byte(rnd.Uint32())
			}
			if len(all)-acked < 4*replayBlock {
				r.append(p)
				all = append(all, p...)
			}
		case 1:
			acked += rnd.IntN(len(all) - acked + 1)
			if err := r.drop(uint64(acked)); err != nil {
				t.Fatal(err)
			}
		case 2:
			var got bytes.Buffer
			if err := r.writeTo(&got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), all[acked:]) || r.held() != len(all)-acked {
				t.Fatalf("%d bytes kept of %d", got.Len(), len(all)-acked)
			}
		}
		if len(r.blocks)+len(r.spare) > 4*2+spareBlocks {
			t.Fatalf("%d blocks and %d spare ones for %d bytes", len(r.blocks), len(r.spare), r.held())
		}
	}
	if r.drop(uint64(len(all)+1)) == nil {
		t.Error("bytes that were never sent are acknowledged")
	}
	if err := r.drop(uint64(acked - 1)); err != errBehind {
		t.Errorf("an acknowledgement was taken back: %v", err)
	}
}
