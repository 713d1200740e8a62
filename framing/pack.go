package framing

import (
	"encoding/binary"
	"iter"
)

// Packed is a whole small file in a PACK.
type Packed struct {
	ID   uint64
	Root [DigestSize]byte
	Data []byte // the content; may be empty
}

// AppendPackedHeader appends a record of a PACK up to its content, of n bytes, which the
// caller appends. The DigestSize bytes from root on are for the root of the content:
// the caller fills them in.
func AppendPackedHeader(b []byte, id uint64, n int) (_ []byte, root int) {
	b = binary.AppendUvarint(b, id)
	b = binary.AppendUvarint(b, uint64(n))
	root = len(b)
	return append(b, make([]byte, DigestSize)...), root
}

// ParsePack iterates over the body of a PACK. Data aliases body. The iteration
// ends after the first error.
func ParsePack(body []byte) iter.Seq2[Packed, error] {
	return records(decoder{t: TypePack, b: body}, func(d *decoder) Packed {
		m := Packed{ID: d.uv("id", 1, MaxSize)}
		n := d.uv("length", 0, maxBody)
		m.Root = d.digest("root")
		m.Data = d.raw("content", int(n))
		return m
	})
}

// ParsePackZ parses the body of a PACKZ, a PACK that is compressed; it needs CapZstd.
// The body is a zstd frame, with the checks of ParseZstd, of at most Limit(TypePack)
// bytes of content, and content is the size that the frame states.
func ParsePackZ(b []byte) (content int, err error) {
	d := decoder{t: TypePackZ, b: b}
	content = d.zstd(maxBody)
	if err := d.end(); err != nil {
		return 0, err
	}
	return content, nil
}
