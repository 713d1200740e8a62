package transfer_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// together delivers src to several folders at once, over links of their own. Nothing moves
// before all have accepted. The receiver at index cut goes away in the middle; -1 is none.
func together(t *testing.T, r *send.Reading, src string, compress transfer.Compression, cut int, dst ...string) []*deliverytest.Sides {
	t.Helper()
	sides := make([]*deliverytest.Sides, len(dst))
	var all, wg sync.WaitGroup
	all.Add(len(dst))
	for i := range dst {
		setup := []deliverytest.Setup{func(o *send.Options, ro *receive.Options, _ *deliverytest.Sides) {
			o.Reading, o.Compress = r, compress
			ro.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
				all.Done()
				all.Wait()
				return nil
			}
		}}
		if i == cut {
			setup = append(setup, deliverytest.CutAfter(3<<20))
		}
		wg.Go(func() {
			sides[i] = deliverytest.DeliverOver(t, t.Context(), link.Config{Capabilities: compress.Capabilities()}, dst[i], deliverytest.Named(src), setup...)
		})
	}
	wg.Wait()
	return sides
}

// sharedTree is a folder of files of no, one and many chunks, and of small ones.
func sharedTree(t *testing.T) (src string) {
	t.Helper()
	src = filepath.Join(t.TempDir(), "src")
	deliverytest.Must(t, os.Mkdir(src, 0o755))
	for name, size := range map[string]int{"empty": 0, "small": 1000, "one": 700 << 10, "whole": 1 << 20, "many": 9<<20 + 77, "more": 6 << 20} {
		deliverytest.Must(t, os.WriteFile(filepath.Join(src, name), deliverytest.Prose(size), 0o644))
	}
	return src
}

func TestSharedReadingReadsOnce(t *testing.T) {
	for name, compress := range map[string]transfer.Compression{"plain": transfer.CompressNever, "compressed": transfer.CompressAlways} {
		t.Run(name, func(t *testing.T) {
			src := sharedTree(t)
			r := send.NewReading(64 << 20)
			dst := []string{t.TempDir(), t.TempDir(), t.TempDir()}
			for i, s := range together(t, r, src, compress, -1, dst...) {
				if s.SendErr != nil || s.ReceiveErr != nil || !s.Sent.Acknowledged {
					t.Errorf("receiver %d ended with %v, %v", i, s.SendErr, s.ReceiveErr)
				}
				deliverytest.SameTree(t, src, filepath.Join(dst[i], "src"))
			}
		})
	}
}

// With no room at all what is shared is what is needed at the same instant. Every receiver
// gets all the same.
func TestSharedReadingWithoutRoom(t *testing.T) {
	t.Parallel()
	src := sharedTree(t)
	r := send.NewReading(0)
	dst := []string{t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()}
	for i, s := range together(t, r, src, transfer.CompressNever, -1, dst...) {
		if s.SendErr != nil || s.ReceiveErr != nil {
			t.Errorf("receiver %d ended with %v, %v", i, s.SendErr, s.ReceiveErr)
		}
		deliverytest.SameTree(t, src, filepath.Join(dst[i], "src"))
	}
}

// A file that is another one for a later receiver is read again: nobody gets content of an
// earlier version.
func TestSharedReadingOfAnotherVersion(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	deliverytest.Must(t, os.Mkdir(src, 0o755))
	file := filepath.Join(src, "file")
	r := send.NewReading(64 << 20)
	for seed := range uint64(3) {
		info, err := os.Stat(file)
		deliverytest.Write(t, file, 3<<20, seed)
		if err == nil { // of equal size and time
			deliverytest.Must(t, os.Chtimes(file, info.ModTime(), info.ModTime()))
		}
		dst := t.TempDir()
		s := together(t, r, src, transfer.CompressNever, -1, dst)[0]
		if s.SendErr != nil || s.ReceiveErr != nil {
			t.Fatalf("ended with %v, %v", s.SendErr, s.ReceiveErr)
		}
		deliverytest.SameTree(t, src, filepath.Join(dst, "src"))
	}
}

// One receiver that goes away holds up nobody, and what it used is not used again. Started
// again, it goes on where it was.
func TestSharedReadingOutlivesAReceiver(t *testing.T) {
	src := sharedTree(t)
	r := send.NewReading(4 << 20)
	dst := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	for i, s := range together(t, r, src, transfer.CompressNever, 1, dst...) {
		if i == 1 && s.SendErr == nil {
			t.Error("nobody went away")
		}
		if i != 1 && (s.SendErr != nil || s.ReceiveErr != nil) {
			t.Errorf("receiver %d ended with %v, %v", i, s.SendErr, s.ReceiveErr)
		}
	}
	dst = []string{t.TempDir(), dst[1]}
	for i, s := range together(t, r, src, transfer.CompressNever, -1, dst...) {
		if s.SendErr != nil || s.ReceiveErr != nil {
			t.Errorf("receiver %d ended with %v, %v", i, s.SendErr, s.ReceiveErr)
		}
		if again := i == 1; s.Received.Reused > 0 != again || s.Sent.Reused != s.Received.Reused {
			t.Errorf("receiver %d, started again: %v, has used %d bytes again, and the sender saw %d", i, again, s.Received.Reused, s.Sent.Reused)
		}
		deliverytest.SameTree(t, src, filepath.Join(dst[i], "src"))
	}
}
