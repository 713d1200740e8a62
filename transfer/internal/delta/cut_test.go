package delta

import (
	"bytes"
	"encoding/binary"
	"testing"

	"ferry/framing"
	"ferry/framing/vector"
)

// plainCut is cut as PROTOCOL.md says it, byte by byte.
func plainCut(c *cutter, b []byte, level uint8) int {
	for n := 1 << (level - 2); n < min(len(b), 2<<level); n++ {
		var h uint64
		for i, x := range b[n-64 : n] {
			h += c.gear[x] << (63 - i)
		}
		zeros := level + 2
		if n > 1<<level {
			zeros = level - 2
		}
		if h>>(64-zeros) == 0 {
			return n
		}
	}
	return min(len(b), 2<<level)
}

// The lanes find what one look at each byte finds.
func TestCutIsAsWritten(t *testing.T) {
	c := newCutter()
	for seed := range uint64(40) {
		level := uint8(framing.MinLevel + seed%3)
		b := random(3<<level, seed)
		for len(b) > 0 {
			got, want := c.cut(b, level), plainCut(c, b, level)
			if got != want {
				t.Fatalf("seed %d, level %d: a piece of %d bytes, want %d", seed, level, got, want)
			}
			b = b[got:]
		}
	}
}

// vectorContent is the content of a vector of testdata/pieces/pieces.txt.
func vectorContent(length, period int, seed uint64) []byte {
	made := length
	if period > 0 {
		made = period
	}
	b := make([]byte, made, length+made)
	for i, x := 0, seed; i < made; i++ {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	for len(b) < length {
		b = append(b, b[:made]...)
	}
	return b[:length]
}

// Other programs cut where this one does, and hash as it does.
func TestVectors(t *testing.T) {
	all, err := vector.Read("../../../testdata/pieces/pieces.txt")
	if err != nil {
		t.Fatal(err)
	}
	number := func(v *vector.Stanza, key string) uint64 {
		n, err := v.Number(key)
		if err != nil && key != "period" {
			t.Fatal(err)
		}
		return n
	}
	for i := range all {
		v := &all[i]
		length, level := int(number(v, "length")), uint8(number(v, "level"))
		want, err := v.Bytes("pieces")
		if err != nil {
			t.Fatal(err)
		}
		b := vectorContent(length, int(number(v, "period")), number(v, "seed"))
		var got []byte
		for c := newCutter(); len(b) > 0; {
			n := c.cut(b, level)
			got = binary.BigEndian.AppendUint32(got, uint32(n))
			hash := binary.BigEndian.AppendUint64(nil, sum(b[:n]))
			got, b = append(got, hash[8-framing.SumSize:]...), b[n:]
		}
		if !bytes.Equal(got, want) {
			t.Errorf("vector %d: %x, want %x", i, got, want)
		}
	}
}
