package hostile

import (
	"os"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
)

// texting offers a text of so many bytes and announces it.
func (p *peer) texting(bytes uint64) {
	p.offered(framing.FlagText, true, bytes, item(framing.KindStream, "message.txt"))
	p.entries(1, streamEntry("message.txt"))
	p.until(framing.TypeWant)
}

// text sends a text whole, which is one chunk.
func (p *peer) text(content string) {
	b := []byte(content)
	h := framing.DataHeader{ID: 1, Flags: framing.DataLast, Check: [32]byte(checksum.NewNode(b, 0).CV())}
	p.data(h, b)
	p.fileEnd(framing.FileEnd{ID: 1, Size: uint64(len(b)), Chunks: 1, Root: [32]byte(checksum.Sum(b))})
	p.end(1)
}

// Nothing of a text is shown before all of it has come, fits its offer and can be read.
func TestHostileTexts(t *testing.T) {
	for _, c := range []struct {
		name   string
		caps   uint64
		script func(*peer)
	}{
		{"H28 a text to a link that has none", 0, func(p *peer) { p.texting(5); p.text("hello") }},
		{"H28 a folder as a text", framing.CapText, func(p *peer) {
			p.offered(framing.FlagText, true, 5, item(framing.KindFolder, "message.txt"))
		}},
		{"H28 a text and a file", framing.CapText, func(p *peer) {
			p.offered(framing.FlagText, true, 5, item(framing.KindStream, "message.txt"), photo)
		}},
		{"H28 a file behind a text", framing.CapText, func(p *peer) {
			p.texting(5)
			p.entries(2, file(0, "photo.jpg", 4))
			p.text("hello")
		}},
		{"H28 a text of 65 KiB", framing.CapText, func(p *peer) {
			p.offered(framing.FlagText, true, 65<<10, item(framing.KindStream, "message.txt"))
		}},
		{"H28 a text of 65 KiB where 64 are offered", framing.CapText, func(p *peer) {
			p.texting(64 << 10)
			p.text(strings.Repeat("x", 65<<10))
		}},
		{"H28 a text that is not UTF-8", framing.CapText, func(p *peer) { p.texting(6); p.text("hell\xc3\x28") }},
		{"H28 a text that does not end", framing.CapText, func(p *peer) {
			p.texting(64 << 10)
			piece := make([]byte, 1<<10)
			for i := range uint64(1 << 10) {
				p.data(framing.DataHeader{ID: 1, Offset: i << 10}, piece)
				if p.l.Err() != nil {
					return
				}
			}
		}},
		{"H28 a text in a dry run", framing.CapText, func(p *peer) {
			p.offered(framing.FlagText|framing.FlagDryRun, true, 5, item(framing.KindStream, "message.txt"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst, res, told, err := hostile(t, victim{caps: c.caps, options: func(o *receive.Options) {
				o.Text = func(_, text string) error {
					t.Errorf("%d bytes were shown", len(text))
					return nil
				}
			}}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
			if names, rerr := os.ReadDir(dst); rerr != nil || len(names) != 0 || res.Files != 0 {
				t.Errorf("%v stand there, %v", names, rerr)
			}
		})
	}
}

// A text that is whole and whose digest is not right is not shown.
func TestHostileTextOfAnotherDigest(t *testing.T) {
	_, res, _, err := hostile(t, victim{caps: framing.CapText, options: func(o *receive.Options) {
		o.Text = func(string, string) error {
			t.Error("it was shown")
			return nil
		}
	}}, func(p *peer) {
		p.texting(5)
		b := []byte("hello")
		p.data(framing.DataHeader{ID: 1, Flags: framing.DataLast, Check: [32]byte(checksum.NewNode(b, 0).CV())}, b)
		p.fileEnd(framing.FileEnd{ID: 1, Size: 5, Chunks: 1, Root: [32]byte(checksum.Sum([]byte("other")))})
		p.end(1)
	})
	if err == nil || res.Delivered != 0 {
		t.Errorf("ended with %v", err)
	}
}

// Who stores texts takes what comes as a file like any other.
func TestHostileTextIsStored(t *testing.T) {
	var offered transfer.Offer
	dst, res, _, err := hostile(t, victim{caps: framing.CapText, options: func(o *receive.Options) {
		o.Observer = seen(func(e transfer.Event) {
			if o, ok := e.(transfer.Offered); ok {
				offered = o.Offer
			}
		})
	}}, func(p *peer) { p.texting(5); p.text("hell\xff"); p.answer(func(framing.Want) {}) })
	deliverytest.Must(t, err)
	b, rerr := os.ReadFile(dst + "/message.txt")
	if rerr != nil || string(b) != "hell\xff" || !res.Durable || !offered.Text {
		t.Errorf("%q stands there, %v; durable %v, offer %+v", b, rerr, res.Durable, offered)
	}
}

type seen func(transfer.Event)

func (s seen) Observe(e transfer.Event) { s(e) }
