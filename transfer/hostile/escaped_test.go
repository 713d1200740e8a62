package hostile

import (
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// A receiver tells of escaped names only as agreed, only of what is under way, and of none
// that leads elsewhere.
func TestHostileReceiverNamesItems(t *testing.T) {
	escaped := func(p *peer, id uint64, at string) {
		m := framing.Remark{Kind: framing.RemarkEscaped, Number: id, Path: []byte("f"), Text: []byte(at)}
		p.send(framing.TypeRemark, m.Append(nil))
	}
	for _, c := range []struct {
		name   string
		caps   uint64
		script func(*peer)
	}{
		{"not agreed", framing.CapRemarks, func(p *peer) { accepted(p); escaped(p, 1, "g") }},
		{"before ACCEPT", framing.CapNames, func(p *peer) { p.until(framing.TypeOffer); escaped(p, 1, "g") }},
		{"another kind", framing.CapNames, func(p *peer) {
			accepted(p)
			m := framing.Remark{Kind: framing.RemarkKept, Path: []byte("f"), Text: []byte("f~")}
			p.send(framing.TypeRemark, m.Append(nil))
		}},
		{"no entry", framing.CapNames, func(p *peer) { accepted(p); escaped(p, 2, "g") }},
		{"a settled entry", framing.CapNames, func(p *peer) { accepted(p); p.done(same); escaped(p, 1, "g") }},
		{"an entry again", framing.CapNames, func(p *peer) { accepted(p); escaped(p, 1, "g"); escaped(p, 1, "g") }},
		{"no name", framing.CapNames, func(p *peer) { accepted(p); escaped(p, 1, "") }},
		{"a name that leads up", framing.CapNames, func(p *peer) { accepted(p); escaped(p, 1, "a/..") }},
		{"the name of a state folder", framing.CapNames, func(p *peer) { accepted(p); escaped(p, 1, tree.PartialName) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "f")
			deliverytest.Write(t, src, 3*deliverytest.MiB, 1)
			res, told, err := againstCaps(t, c.caps, send.Options{Sources: deliverytest.Named(src)}, func(p *peer) { c.script(p); p.until(framing.TypeBye) })
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Escaped > 1 || res.Escaped == 1 && c.name != "an entry again" {
				t.Errorf("%d names count", res.Escaped)
			}
		})
	}
}

// A name at the receiver may be one that this system has not.
func TestNamesThatTheOtherSystemHas(t *testing.T) {
	src := filepath.Join(t.TempDir(), "f")
	deliverytest.Write(t, src, 10, 1)
	res, told, err := againstCaps(t, framing.CapNames|framing.CapRemarks, send.Options{Sources: deliverytest.Named(src)}, func(p *peer) {
		p.until(framing.TypeOffer)
		landing := framing.Remark{Kind: framing.RemarkLanding, Text: []byte("a:b")}
		p.send(framing.TypeRemark, landing.Append(nil))
		p.accept(framing.Accept{EntryWindow: 1 << 20, EntryBytes: 1 << 30, Streams: 1})
		p.until(framing.TypeEntry)
		m := framing.Remark{Kind: framing.RemarkEscaped, Number: 1, Path: []byte("a:b"), Text: []byte("c:d")}
		p.send(framing.TypeRemark, m.Append(nil))
		p.done(framing.Done{ID: 1, Status: framing.DoneSame | framing.DoneElsewhere, Name: []byte("e:f")})
		p.until(framing.TypeEnd)
		p.receipt(framing.Receipt{Same: 1, Durable: true})
		p.until(framing.TypeBye)
	})
	if res.Escaped != 1 || res.Same != 1 || told == framing.CodeProtocol {
		t.Errorf("it ended with %v, the peer was told %v, and there are %d escaped names", err, told, res.Escaped)
	}
}
