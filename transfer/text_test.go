package transfer_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// texting sends a text, which show takes.
func texting(text string, show func(peer, text string) error) deliverytest.Setup {
	return func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Text, r.Text = text, show
		r.Accept = nil
	}
}

var takesTexts = link.Config{Capabilities: framing.CapText | framing.CapZstd}

func TestTextIsShownWhole(t *testing.T) {
	for _, text := range []string{"x", "two\nlines\x1b[2J\u202e\n", strings.Repeat("0123456789abcdé\n", framing.MaxText/17), strings.Repeat("\x00", framing.MaxText)} {
		dst := t.TempDir()
		shown := ""
		s := deliverytest.DeliverOver(t, t.Context(), takesTexts, dst, nil, texting(text, func(_, text string) error {
			shown += text
			return nil
		})).OK(t)
		if shown != text || s.Sent.Durable || s.Received.Durable {
			t.Errorf("%d bytes came as %d, durable %v and %v", len(text), len(shown), s.Sent.Durable, s.Received.Durable)
		}
		if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
			t.Errorf("%v stand there, %v", names, err)
		}
		offers := deliverytest.Find[transfer.Offered](s.ReceiveSaw)
		if len(offers) != 1 || !offers[0].Offer.Text || !offers[0].Offer.Exact || offers[0].Offer.Bytes != int64(len(text)) {
			t.Errorf("the offer was %+v", offers)
		}
	}
}

func TestTextIsStoredWhereNobodyShowsIt(t *testing.T) {
	dst := t.TempDir()
	s := deliverytest.DeliverOver(t, t.Context(), takesTexts, dst, nil, texting("hello", nil)).OK(t)
	b, err := os.ReadFile(dst + "/" + send.TextName)
	if err != nil || string(b) != "hello" || !s.Sent.Durable {
		t.Errorf("%q stands there, %v; durable %v", b, err, s.Sent.Durable)
	}
}

// Who cannot show a text has not taken it.
func TestTextThatCannotBeShown(t *testing.T) {
	s := deliverytest.DeliverOver(t, t.Context(), takesTexts, t.TempDir(), nil, texting("hello", func(string, string) error { return errors.New("broken pipe") }))
	for _, err := range []error{s.SendErr, s.ReceiveErr} {
		if e, ok := errors.AsType[*transfer.Error](err); !ok || e.Code != framing.CodeIO {
			t.Errorf("ended with %v", err)
		}
	}
}

// A text is not offered to a link without the capability.
func TestTextToAnOlderReceiver(t *testing.T) {
	s := deliverytest.Deliver(t, t.Context(), t.TempDir(), nil, texting("hello", nil))
	if e, ok := errors.AsType[*transfer.Error](s.SendErr); !ok || e.Code != framing.CodeVersion || e.Remote || !errors.Is(e, send.ErrNoText) {
		t.Errorf("the sender ended with %v", s.SendErr)
	}
	if e, ok := errors.AsType[*transfer.Error](s.ReceiveErr); !ok || e.Code != framing.CodeVersion || !e.Remote {
		t.Errorf("the receiver ended with %v", s.ReceiveErr)
	}
	if offers := deliverytest.Find[transfer.Offered](s.SendSaw); len(offers) != 0 {
		t.Errorf("offered was %+v", offers)
	}
}
