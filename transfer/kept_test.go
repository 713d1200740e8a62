package transfer_test

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
)

// agree looks at what each side tells of a delivery of which kept bytes are there before
// any moves: both count them from then on, and take back no more than wrong of them. In the
// end all is settled.
func agree(t *testing.T, s *deliverytest.Sides, size, kept, wrong int64) {
	t.Helper()
	for side, saw := range map[string]*deliverytest.Recorder{"sender": s.SendSaw, "receiver": s.ReceiveSaw} {
		var last transfer.Progress
		most := int64(0)
		for _, p := range deliverytest.Find[transfer.Progress](saw) {
			there := p.Bytes + p.Kept
			if p.Moved > 0 && there < kept-wrong {
				t.Errorf("%s: %d bytes count when content moves, and %d are there", side, there, kept)
				break
			}
			if there < most-wrong || p.Kept < 0 || there > size+wrong {
				t.Errorf("%s: %+v behind %d bytes", side, p, most)
				break
			}
			most, last = max(most, there), p
		}
		// A chunk that was taken for right and came again counts twice at the sender.
		if last.Bytes < size || last.Bytes > size+wrong || last.Kept != 0 {
			t.Errorf("%s: ends with %+v", side, last)
		}
	}
}

// At a resume both sides count what is there at once, and not as far as each has checked.
func TestBothSidesCountWhatIsKept(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	const size = 40*deliverytest.MiB + 12345
	deliverytest.Write(t, filepath.Join(src, "big"), size, 1)
	cut := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.CutAfter(15*deliverytest.MiB))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	agree(t, s, size, cut.Received.Moved, 0)
}

// What turns out to be wrong has to move, and counts no more.
func TestWrongClaimsCountNoMore(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const size = 20 * deliverytest.MiB
	deliverytest.Write(t, filepath.Join(src, "big"), size, 1)
	cut := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.CutAfter(10*deliverytest.MiB))
	parts, err := filepath.Glob(filepath.Join(dst, ".ferry-partial", "*.part"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("partials: %v, %v", parts, err)
	}
	f, err := os.OpenFile(parts[0], os.O_WRONLY, 0)
	deliverytest.Must(t, err)
	_, err = f.WriteAt([]byte("damaged"), 3*deliverytest.MiB+5)
	deliverytest.Must(t, err)
	deliverytest.Must(t, f.Close())
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	agree(t, s, size, cut.Received.Moved, deliverytest.MiB)
}

// A file that is replaced is counted page by page, as it is compared.
func TestBothSidesCountAnOlderFile(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const size = 30*deliverytest.MiB + 5
	b := deliverytest.Write(t, filepath.Join(src, "big"), size, 1)
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	copy(b[7*deliverytest.MiB+100:], "changed here")
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "big"), b, 0o644))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictOverwrite)).OK(t)
	agree(t, s, size, 0, deliverytest.MiB)
}

// A comparison counts what it has read, on both sides, until it is known how it ends.
func TestBothSidesCountAComparison(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const size = 20*deliverytest.MiB + 5
	b := deliverytest.Write(t, filepath.Join(src, "big"), size, 1)
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	for _, wrong := range []int64{0, size} {
		deliverytest.Must(t, os.WriteFile(filepath.Join(src, "big"), b, 0o644)) // another time
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictRename)).OK(t)
		agree(t, s, size, 0, wrong)
		if same := s.Sent.Moved == 0; same != (wrong == 0) {
			t.Errorf("%d bytes moved", s.Sent.Moved)
		}
		for side, saw := range map[string]*deliverytest.Recorder{"sender": s.SendSaw, "receiver": s.ReceiveSaw} {
			steps := 0
			for _, p := range deliverytest.Find[transfer.Progress](saw) {
				if p.Kept > 0 {
					steps++
				}
			}
			if steps < 3 {
				t.Errorf("%s: the comparison is told in %d steps", side, steps)
			}
		}
		b[100] ^= 1
	}
}
