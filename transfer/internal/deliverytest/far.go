package deliverytest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// copyCaps is what both ends of a copy between two machines offer.
const copyCaps = framing.CapRequest | framing.CapMirror | framing.CapRemarks | framing.CapNames | framing.CapStored | framing.CapWide | framing.CapZstd

// farVariable has Mirror put both ends of a copy on two machines, as it were.
const farVariable = "FERRY_TEST_FAR"

// Far has Mirror work as between two machines, in this test: the end that is named, "sender"
// or "receiver", is where the user sits.
func Far(t *testing.T, user string) { t.Setenv(farVariable, user) }

// copyOver is local.Copy, or if Far says so a delivery over a link with the same options, of
// which it returns what the user's end knows.
func copyOver(t *testing.T, ctx context.Context, o local.Options) (transfer.Result, error) {
	t.Helper()
	user := os.Getenv(farVariable)
	if user == "" {
		return local.Copy(ctx, o)
	}
	s, r := o.Send, o.Receive
	s.OwnSkips, s.Unasked = true, true
	r.Mirror = o.Delete
	if user == "receiver" {
		s.Observer, r.Observer = nil, s.Observer
	}
	a, b, err := link.Pipe(link.Config{Role: link.Sender, Capabilities: copyCaps}, link.Config{Role: link.Receiver, Capabilities: copyCaps})
	Must(t, err)
	var sent, received transfer.Result
	var sendErr, receiveErr error
	var wg sync.WaitGroup
	wg.Go(func() { received, receiveErr = receive.Receive(ctx, b, r) })
	sent, sendErr = send.Send(ctx, a, s)
	wg.Wait()
	if (sendErr == nil) != (receiveErr == nil) || errors.Is(sendErr, transfer.ErrIncomplete) != errors.Is(receiveErr, transfer.ErrIncomplete) {
		t.Errorf("the ends disagree: %v and %v", sendErr, receiveErr)
	}
	if sent.Deleted != received.Deleted || sent.Backups != received.Backups || sent.Failed != received.Failed || sent.Removed != received.Removed || sent.Excluded != received.Excluded {
		t.Errorf("the ends disagree: %+v and %+v", sent, received)
	}
	if user == "receiver" {
		return received, receiveErr
	}
	return sent, sendErr
}
