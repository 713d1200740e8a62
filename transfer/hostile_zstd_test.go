package transfer_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"ferry/framing"
)

// repeated is a zstd frame that states size bytes of content and has so many
// blocks, each of one byte that stands for 128 KiB.
func repeated(size uint32, blocks int) []byte {
	const block = 128 << 10
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0} // one segment, its size in four bytes
	b = binary.LittleEndian.AppendUint32(b, size)
	for i := range blocks {
		head := uint32(block<<3 | 1<<1) // a run
		if i == blocks-1 {
			head |= 1
		}
		b = append(b, byte(head), byte(head>>8), byte(head>>16), 'x')
	}
	return b
}

// H10: a compressed chunk that is more, or less, or other than one chunk is
// refused, and nothing is decoded beyond a chunk.
func TestCompressionBombs(t *testing.T) {
	whole := repeated(1<<20, 8)
	for name, frame := range map[string][]byte{
		"H10 states 4 GiB":             repeated(1<<32-1, 8),
		"H10 states two chunks":        repeated(2<<20, 16),
		"H10 has more than it states":  repeated(1<<20, 16),
		"H10 has 128 MiB":              repeated(1<<20, 1<<10),
		"H10 has less than it states":  repeated(1<<20, 7),
		"H10 is less than its chunk":   repeated(896<<10, 7),
		"H10 is cut":                   whole[:len(whole)-1],
		"H10 has another behind it":    slices.Concat(whole, whole),
		"H10 has bytes behind it":      append(slices.Clone(whole), 0),
		"H10 is a frame to be skipped": {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'x', 'x', 'x', 'x'},
		"H10 is none":                  []byte("no frame at all"),
	} {
		t.Run(name, func(t *testing.T) {
			_, res, told, err := hostile(t, victim{caps: framing.CapZstd}, func(p *peer) {
				large(p)
				p.data(framing.DataHeader{ID: 1, Flags: framing.DataLast, Encoding: framing.EncodingZstd}, frame)
			})
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Delivered != 0 {
				t.Errorf("%d delivered", res.Delivered)
			}
		})
	}
}
