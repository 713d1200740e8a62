package hostile

import (
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
)

// A receiver names a store only as agreed, once, and between ACCEPT and RECEIPT.
func TestHostileReceiverNamesAStore(t *testing.T) {
	stored := func(p *peer, store string) {
		m := framing.Remark{Kind: framing.RemarkStored, Text: []byte(store)}
		p.send(framing.TypeRemark, m.Append(nil))
	}
	for _, c := range []struct {
		name   string
		caps   uint64
		script func(*peer)
	}{
		{"not agreed", framing.CapRemarks, func(p *peer) { accepted(p); stored(p, "s3://b") }},
		{"before ACCEPT", framing.CapStored, func(p *peer) { p.until(framing.TypeOffer); stored(p, "s3://b") }},
		{"without a name", framing.CapStored, func(p *peer) { accepted(p); stored(p, "") }},
		{"again", framing.CapStored, func(p *peer) { accepted(p); stored(p, "s3://b"); stored(p, "s3://c") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "f")
			deliverytest.Write(t, src, 3*deliverytest.MiB, 1)
			res, told, err := againstCaps(t, c.caps, send.Options{Sources: deliverytest.Named(src)}, func(p *peer) { c.script(p); p.until(framing.TypeBye) })
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Store != "" {
				t.Errorf("it is stored by %q", res.Store)
			}
		})
	}
}
