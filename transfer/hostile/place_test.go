package hostile

import (
	"context"
	"os"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
)

func (p *peer) placed(path string) {
	m := framing.Place{Path: []byte(path)}
	p.send(framing.TypePlace, m.Append(nil))
}

// A PLACE that is not allowed, or is none, ends the delivery before anybody is asked.
func TestHostilePlaces(t *testing.T) {
	for _, c := range []struct {
		name   string
		caps   uint64
		script func(*peer)
	}{
		{"H06 a place to a link that has none", 0, func(p *peer) { p.placed("inbox"); p.offer() }},
		{"H06 a second place", framing.CapPlace, func(p *peer) { p.placed("inbox"); p.placed("inbox"); p.offer() }},
		{"H06 a place and no offer", framing.CapPlace, func(p *peer) { p.placed("inbox"); p.entries(1, file(0, "f", 4)) }},
		{"H02 a path that is cut", framing.CapPlace, func(p *peer) { p.send(framing.TypePlace, []byte{9, 'a'}); p.offer() }},
		{"H02 more behind the path", framing.CapPlace, func(p *peer) { p.send(framing.TypePlace, []byte{1, 'a', 'b'}); p.offer() }},
		{"H01 a path of 4097 bytes", framing.CapPlace, func(p *peer) {
			p.send(framing.TypePlace, append([]byte{0x81, 0x20}, make([]byte, 4096)...))
			p.offer()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst, res, told, err := hostile(t, victim{caps: c.caps, options: func(o *receive.Options) {
				o.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
					t.Error("somebody was asked")
					return nil
				}
			}}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
			if names, rerr := os.ReadDir(dst); rerr != nil || len(names) != 0 || res.Files != 0 {
				t.Errorf("%v stand there, %v", names, rerr)
			}
		})
	}
	t.Run("H06 a place behind the offer", func(t *testing.T) {
		dst, res, told, err := hostile(t, victim{caps: framing.CapPlace}, func(p *peer) {
			p.offer()
			p.placed("inbox")
		})
		wantCode(t, err, told, framing.CodeProtocol)
		if names, rerr := os.ReadDir(dst); rerr != nil || len(names) != 0 || res.Files != 0 {
			t.Errorf("%v stand there, %v", names, rerr)
		}
	})
}

// A receiver that asked for a delivery has said where it goes: the sender has no say.
func TestHostilePlaceOfARequest(t *testing.T) {
	a, b := deliverytest.PairWith(t, framing.CapPlace|framing.CapRequest)
	p := &peer{t: t, l: a}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.until(framing.TypeRequest)
		p.placed("inbox")
		p.offer()
		p.answer(func(framing.Want) {})
		_ = a.Close()
	}()
	_, err := receive.Fetch(t.Context(), b, receive.Request{Paths: []string{"f"}}, receive.Options{})
	<-done
	_ = b.Close()
	wantCode(t, err, p.told, framing.CodeProtocol)
}
