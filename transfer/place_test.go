package transfer_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// placing sends to place, and notes what the receiver's Accept is told.
func placing(place string, told *[]string) deliverytest.Setup {
	return func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Place = place
		r.Accept = func(_ context.Context, o transfer.Offer, _ <-chan transfer.Extent) error {
			*told = append(*told, o.Place)
			return nil
		}
	}
}

var takesPlaces = link.Config{Capabilities: framing.CapPlace | framing.CapZstd}

// The receiver is told where the delivery is to go as it was written, before it opens anything.
func TestPlaceIsTold(t *testing.T) {
	src := filepath.Join(t.TempDir(), "f")
	deliverytest.Write(t, src, 1000, 1)
	for _, place := range []string{"", "inbox", "/a/../b/ \xff\x00", strings.Repeat("x", framing.MaxPlace)} {
		var told []string
		s := deliverytest.DeliverOver(t, t.Context(), takesPlaces, t.TempDir(), deliverytest.Named(src), placing(place, &told)).OK(t)
		if len(told) != 1 || told[0] != place {
			t.Errorf("%q was told as %q", place, told)
		}
		if offers := deliverytest.Find[transfer.Offered](s.ReceiveSaw); len(offers) != 1 || offers[0].Offer.Place != place {
			t.Errorf("the offer was %+v", offers)
		}
	}
}

// A place that the receiver cannot take is an error of the sender, and nothing is offered.
func TestPlaceThatCannotBeTold(t *testing.T) {
	src := filepath.Join(t.TempDir(), "f")
	deliverytest.Write(t, src, 1000, 1)
	for _, c := range []struct {
		caps  link.Config
		place string
		code  framing.Code
	}{
		{link.Config{Capabilities: framing.CapZstd}, "inbox", framing.CodeVersion},
		{takesPlaces, strings.Repeat("x", framing.MaxPlace+1), framing.CodeName},
	} {
		var told []string
		s := deliverytest.DeliverOver(t, t.Context(), c.caps, t.TempDir(), deliverytest.Named(src), placing(c.place, &told))
		if e, ok := errors.AsType[*transfer.Error](s.SendErr); !ok || e.Code != c.code || e.Remote {
			t.Errorf("the sender ended with %v", s.SendErr)
		}
		if e, ok := errors.AsType[*transfer.Error](s.ReceiveErr); !ok || !e.Remote || len(told) != 0 {
			t.Errorf("the receiver ended with %v, and was told %q", s.ReceiveErr, told)
		}
	}
}
