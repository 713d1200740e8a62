package transfer_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/storage/memory"
	"ferry/transfer/tree"
)

// A disk that cannot be read is no file that changed, whichever read of an update it is:
// of the older file, before it is hashed and before it is copied, or of what was copied of
// it. The delivery ends, and the next one continues.
func TestUpdateWithReadErrors(t *testing.T) {
	src := filepath.Join(t.TempDir(), "f")
	data := deliverytest.Write(t, src, 2*checksum.ChunkSize, 1)
	old := bytes.Clone(data)
	old[checksum.ChunkSize] ^= 1 // chunk 0 is lent, and copied once chunk 1 is seen to differ
	d := memory.NewDisk()
	// deliver delivers src, where the nth read fails; none with 0. It returns how many there were.
	deliver := func(nth int) (s *deliverytest.Sides, reads int) {
		o := memory.Options{Before: func(op memory.Op, _ string) (bool, error) {
			if op != memory.Read {
				return false, nil
			}
			if reads++; reads == nth {
				return false, &storage.Error{Kind: storage.IO, Op: "reading back", Err: syscall.EIO}
			}
			return false, nil
		}}
		to := d.Open(t, "memory", o)
		s = deliverytest.Deliver(t, t.Context(), "", deliverytest.Named(src), deliverytest.WithPolicy(transfer.ConflictOverwrite),
			func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Destination = to })
		return s, reads
	}
	for nth := 1; ; nth++ {
		d.Put("f", memory.Item{Kind: tree.File, Mode: 0o644, Data: old})
		s, reads := deliver(nth)
		if reads < nth {
			if s.OK(t); nth <= 3 {
				t.Errorf("the update took %d reads, and was to have one that copies", reads)
			}
			return
		}
		var e *transfer.Error
		if !errors.As(s.ReceiveErr, &e) || e.Code != framing.CodeIO || e.Remote {
			t.Errorf("read %d: the receiver ended with %v, %v", nth, s.ReceiveErr, s.Received.Failures)
		}
		if !errors.As(s.SendErr, &e) || e.Code != framing.CodeIO || !e.Remote {
			t.Errorf("read %d: the sender ended with %v, %v", nth, s.SendErr, s.Sent.Failures)
		}
		if got := d.List(false)["f"]; !bytes.Equal(got.Data, old) {
			t.Errorf("read %d: the older file is another one", nth)
		}
		again, _ := deliver(0)
		again.OK(t)
		if got := d.List(true)["f"]; !bytes.Equal(got.Data, data) {
			t.Errorf("read %d: what was delivered is another file", nth)
		}
	}
}
