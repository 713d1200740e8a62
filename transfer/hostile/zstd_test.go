package hostile

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"ferry/framing"
	"ferry/transfer/internal/deliverytest"
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

// brokenFrames are what no honest sender encodes: framing finds them in order, their
// content is not.
func brokenFrames(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithSingleSegment(true))
	deliverytest.Must(t, err)
	good := enc.EncodeAll(content, nil)
	deliverytest.Must(t, enc.Close())
	at := func(i int, change func(byte) byte) []byte {
		b := bytes.Clone(good)
		b[i] = change(b[i])
		return b
	}
	more := func(b byte) byte { return b + 1 }
	return map[string][]byte{
		"a checksum that is wrong":        at(len(good)-1, more),
		"content that does not decode":    at(len(good)/2, func(b byte) byte { return ^b }),
		"a stated size that is too large": at(6, more),
		"a stated size that is too small": at(6, func(b byte) byte { return b - 1 }),
		"a second frame":                  append(bytes.Clone(good), good...),
		"a frame cut short":               good[:len(good)-9],
	}
}

func TestHostileFramesAreRefused(t *testing.T) {
	content := deliverytest.Prose(100_000)
	for name, frame := range brokenFrames(t, content) {
		t.Run("chunk/"+name, func(t *testing.T) {
			_, res, told, err := hostile(t, victim{caps: framing.CapZstd}, func(p *peer) {
				p.offer()
				p.entries(1, file(0, "f", uint64(len(content))))
				p.until(framing.TypeWant)
				h := lastPiece(1, 0, content)
				h.Encoding = framing.EncodingZstd
				p.data(h, frame)
			})
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Files != 0 {
				t.Error("it was delivered")
			}
		})
	}
	record := packed(1, string(content[:40_000]))
	for name, frame := range brokenFrames(t, appendPacked(nil, record)) {
		t.Run("pack/"+name, func(t *testing.T) {
			_, _, told, err := hostile(t, victim{caps: framing.CapZstd}, func(p *peer) {
				p.offer()
				p.entries(1, file(0, "f", 40_000))
				p.until(framing.TypeWant)
				p.send(framing.TypePackZ, frame)
			})
			wantCode(t, err, told, framing.CodeProtocol)
		})
	}
}

func TestHostileEncodings(t *testing.T) {
	content := deliverytest.Prose(deliverytest.MiB)
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	deliverytest.Must(t, err)
	defer enc.Close()
	frame := enc.EncodeAll(content, nil)
	half := uint64(len(frame) / 2)
	pack := enc.EncodeAll(appendPacked(nil, framing.Packed{ID: 1, Data: []byte(strings.Repeat("a", 500))}), nil)
	want := func(p *peer, size uint64) {
		p.offer()
		p.entries(1, file(0, "f", size))
		p.until(framing.TypeWant)
	}
	zipped := framing.DataHeader{ID: 1, Encoding: framing.EncodingZstd}
	for _, c := range []struct {
		name   string
		caps   uint64
		script func(*peer)
	}{
		{"not agreed on", 0, func(p *peer) { want(p, deliverytest.MiB); p.data(zipped, frame[:half]) }},
		{"PACKZ not agreed on", 0, func(p *peer) { want(p, 500); p.send(framing.TypePackZ, pack) }},
		{"encodings mixed in a chunk", framing.CapZstd, func(p *peer) {
			want(p, deliverytest.MiB)
			p.data(zipped, frame[:half])
			h := lastPiece(1, 0, content)
			h.Offset = half
			p.data(h, content[half:half+10])
		}},
		{"encodings mixed the other way", framing.CapZstd, func(p *peer) {
			want(p, deliverytest.MiB)
			p.data(framing.DataHeader{ID: 1}, content[:half])
			h := zipped
			h.Offset = half
			p.data(h, frame[half:])
		}},
		{"a frame for another size", framing.CapZstd, func(p *peer) {
			want(p, deliverytest.MiB-1)
			h := lastPiece(1, 0, content)
			h.Encoding = framing.EncodingZstd
			p.data(h, frame)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, told, err := hostile(t, victim{caps: c.caps}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
		})
	}
}
