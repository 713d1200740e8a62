package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

func TestChunkSizesAgree(t *testing.T) {
	if framing.ChunkSize != checksum.ChunkSize {
		t.Fatalf("the wire has chunks of %d bytes, the tree of %d", framing.ChunkSize, checksum.ChunkSize)
	}
}

func TestDeclineWritesNothing(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	no := errors.New("not now")
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		r.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error { return no }
	})
	var e *transfer.Error
	if !errors.As(s.SendErr, &e) || e.Code != framing.CodeDeclined || !e.Remote || !errors.Is(s.ReceiveErr, no) {
		t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
	}
	if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
		t.Errorf("the destination has %v, %v", names, err)
	}
}

// The link is read while a person thinks about the offer: what the sender does
// meanwhile is noticed.
func TestSenderThatLeavesEndsTheQuestion(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	ctx, cancel := context.WithCancel(t.Context())
	a, b := deliverytest.Pair(t)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer d.Close()
	received := make(chan error)
	go func() {
		_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, Accept: func(asked context.Context, _ transfer.Offer, _ <-chan transfer.Extent) error {
			cancel()
			<-asked.Done()
			return context.Cause(asked)
		}})
		received <- err
	}()
	if _, err := send.Send(ctx, a, send.Options{Sources: deliverytest.Contents(src)}); !errors.Is(err, context.Canceled) {
		t.Errorf("the sender ended with %v", err)
	}
	var e *transfer.Error
	if err := <-received; !errors.As(err, &e) || e.Code != framing.CodeInterrupted || !e.Remote {
		t.Errorf("the receiver ended with %v", err)
	}
}
