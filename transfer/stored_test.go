package transfer_test

import (
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
)

// keptByStore is a folder that a store keeps, as far as it tells.
type keptByStore struct{ storage.Destination }

const keeper = "s3://bucket"

func (s keptByStore) Finish() (storage.Report, error) {
	r, err := s.Destination.Finish()
	r.Store = keeper
	return r, err
}

// Whose word durable is, both sides know if both take it, and else the one with the
// destination.
func TestWhoseWordDurableIs(t *testing.T) {
	src := filepath.Join(t.TempDir(), "f")
	deliverytest.Write(t, src, 10, 1)
	open := func(t *testing.T) storage.Destination {
		d, err := local.NewFolder(t.TempDir(), local.FolderOptions{})
		deliverytest.Must(t, err)
		t.Cleanup(func() { deliverytest.Must(t, d.Close()) })
		return keptByStore{d}
	}
	for _, c := range []struct {
		name  string
		caps  uint64
		heard string
	}{{"both take it", framing.CapStored, keeper}, {"with other remarks", framing.CapStored | framing.CapRemarks, keeper}, {"not agreed", framing.CapRemarks, ""}} {
		t.Run(c.name, func(t *testing.T) {
			into := func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Destination = open(t) }
			s := deliverytest.DeliverOver(t, t.Context(), link.Config{Capabilities: c.caps}, "", deliverytest.Named(src), into).OK(t)
			if s.Sent.Store != c.heard || s.Received.Store != keeper {
				t.Errorf("the sender heard of %q and the receiver of %q", s.Sent.Store, s.Received.Store)
			}
		})
	}
	r, err := local.Copy(t.Context(), local.Options{Send: send.Options{Sources: deliverytest.Named(src)}, Receive: receive.Options{Destination: open(t), OnConflict: transfer.ConflictFail}})
	if err != nil || r.Store != keeper || !r.Durable {
		t.Errorf("a copy came to %+v, %v", r, err)
	}
}
