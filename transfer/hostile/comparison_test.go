package hostile

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/deliverytest"
)

// compared offers a file of 3 MiB, and waits until it is to be compared with the one that
// stands there.
func compared(p *peer) {
	p.offerFlags(framing.FlagChecksum)
	p.entries(1, file(0, "f", 3<<20))
	p.until(framing.TypeWant)
}

// H16: content of a file that is only compared was not asked for. It has to be content that
// the file can have, like all content.
func TestHostileContentOfAComparison(t *testing.T) {
	standing := make([]byte, 3<<20)
	v := victim{prepare: func(dst string) {
		deliverytest.Must(t, os.WriteFile(filepath.Join(dst, "f"), standing, 0o644))
	}}
	part := make([]byte, 200<<10)
	for _, c := range []rule{
		{"past the end", func(p *peer) { p.data(framing.DataHeader{ID: 1, Offset: 50 << 20}, part) }},
		{"a piece that follows nothing", func(p *peer) { p.data(framing.DataHeader{ID: 1, Offset: 300}, part) }},
		{"a chunk that is too short", func(p *peer) { p.data(lastPiece(1, 0, part), part) }},
		{"a chunk that begins twice", func(p *peer) {
			for range 2 {
				p.data(framing.DataHeader{ID: 1}, part)
			}
		}},
		{"too many zeros", func(p *peer) {
			h := framing.DataHeader{ID: 1, Flags: framing.DataLast, Encoding: framing.EncodingZeros}
			p.data(h, framing.AppendZeros(nil, 1<<20-1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, res, told, err := hostile(t, v, func(p *peer) {
				compared(p)
				c.script(p)
				p.fileEnd(framing.FileEnd{ID: 1, Size: 3 << 20, Root: checksum.Sum(standing)})
				p.end(1)
			})
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Files != 0 {
				t.Errorf("delivered %d files", res.Files)
			}
		})
	}
	t.Run("a chunk", func(t *testing.T) { // is dropped
		_, res, _, err := hostile(t, v, func(p *peer) {
			compared(p)
			p.chunk(1, 0, append(part, make([]byte, 1<<20-len(part))...))
			p.fileEnd(framing.FileEnd{ID: 1, Size: 3 << 20, Root: checksum.Sum(standing)})
			p.end(1)
		})
		if err != nil || res.Same != 1 || res.Moved != 0 {
			t.Errorf("ended with %v, %+v", err, res)
		}
	})
}
