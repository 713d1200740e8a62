package framing

import (
	"encoding/binary"
	"fmt"
)

const (
	dataFixed = 20                     // header without a check, bytes
	dataFull  = dataFixed + DigestSize // header of a chunk's last piece

	// maxPiece is the largest payload that fits a DATA frame with a check, in bytes.
	maxPiece = maxBody - dataFull
)

// DataLast marks the last piece of a chunk, the one with the check.
const DataLast uint8 = 1

// Encodings of a chunk's bytes.
const (
	EncodingRaw   uint8 = 0
	EncodingZstd  uint8 = 1 // the chunk is one zstd frame; needs CapZstd
	EncodingZeros uint8 = 2 // the payload is a u32: that many zero bytes
	// EncodingCopies is copies from the file at the receiver that the entry will replace, and
	// bytes in between: see Copy. It answers WantPatch.
	EncodingCopies uint8 = 3
)

// DataHeader is a DATA frame without its payload.
type DataHeader struct {
	ID       uint64
	Attempt  uint8
	Flags    uint8 // DataLast or 0
	Encoding uint8
	// Offset is where the payload goes: the chunk's place in the file, plus the payload
	// bytes in the earlier pieces of the chunk.
	Offset uint64
	// Check is set on the last piece: the CV of the decoded chunk, or the root
	// digest of a file that has one chunk or less.
	Check [DigestSize]byte
}

// Last tells whether this is the last piece of its chunk.
func (h *DataHeader) Last() bool { return h.Flags&DataLast != 0 }

// AppendDataHeader appends the header, 52 bytes for a chunk's last piece and 20
// otherwise.
func AppendDataHeader(b []byte, h *DataHeader) []byte {
	b = binary.BigEndian.AppendUint64(b, h.ID)
	b = append(b, h.Attempt, h.Flags, h.Encoding, 0)
	b = binary.BigEndian.AppendUint64(b, h.Offset)
	if h.Last() {
		b = append(b, h.Check[:]...)
	}
	return b
}

// BodyReader is what a frame's body is read from: a *Reader, or what wraps one.
type BodyReader interface {
	ReadFull(p []byte) error
	Remaining() int
}

// ReadDataHeader reads the header of a DATA frame from r and leaves r at the payload,
// which has n bytes and can so be read straight into the buffer of its chunk. The
// length of the payload is checked too: none leaves its chunk, and only the last of a
// begun chunk may be empty. Scratch needs 52 bytes.
func ReadDataHeader(r BodyReader, scratch []byte) (h DataHeader, n int, err error) {
	fixed := scratch[:dataFixed]
	if err := r.ReadFull(fixed); err != nil {
		return DataHeader{}, 0, fmt.Errorf("reading a DATA header: %w", err)
	}
	d := decoder{t: TypeData, b: fixed}
	h.fixed(&d)
	if h.Last() && d.err == nil {
		check := scratch[dataFixed:dataFull]
		if err := r.ReadFull(check); err != nil {
			return DataHeader{}, 0, fmt.Errorf("reading a DATA check: %w", err)
		}
		copy(h.Check[:], check)
	}
	n = r.Remaining()
	h.checkPayload(&d, n)
	if d.err != nil {
		return DataHeader{}, 0, d.err
	}
	return h, n, nil
}

func (h *DataHeader) fixed(d *decoder) {
	h.ID = d.u64("id")
	h.Attempt = d.u8("attempt")
	h.Flags = d.u8("flags")
	h.Encoding = d.u8("encoding")
	reserved := d.u8("reserved byte")
	h.Offset = d.u64("offset")
	switch {
	case d.err != nil:
	case h.ID == 0 || h.ID > MaxSize:
		d.fail("id", errRange)
	case h.Flags&^DataLast != 0:
		d.fail("flags", errNotZero)
	case h.Encoding > EncodingCopies:
		d.fail("encoding", errUnknown)
	case reserved != 0:
		d.fail("reserved byte", errNotZero)
	case h.Offset > MaxSize:
		d.fail("offset", errRange)
	case h.Encoding == EncodingZeros && !h.Last():
		d.fail("flags", errMismatch)
	}
}

// checkPayload checks n, the length of the payload in bytes. A chunk has at least one
// byte, but its last piece may be empty: a sender may learn that a stream has ended only
// after it has sent all bytes.
func (h *DataHeader) checkPayload(d *decoder, n int) {
	switch inChunk := h.Offset % ChunkSize; {
	case d.err != nil:
	case h.Encoding == EncodingZeros:
		if inChunk != 0 {
			d.fail("offset", errMismatch)
		} else if n != 4 {
			d.fail("payload", errRange)
		}
	case n == 0 && (inChunk == 0 || !h.Last()):
		d.fail("payload", errShort)
	case inChunk+uint64(n) > ChunkSize || uint64(n) > MaxSize-h.Offset:
		d.fail("payload", errRange)
	}
}

// AppendZeros appends the payload of EncodingZeros: n bytes of zero, 1 to
// ChunkSize.
func AppendZeros(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }

// ParseZeros parses the payload of EncodingZeros.
func ParseZeros(b []byte) (n uint32, err error) {
	d := decoder{t: TypeData, b: b}
	n = d.u32("zeros")
	if d.err == nil && (n == 0 || n > ChunkSize) {
		d.fail("zeros", errRange)
	}
	if err := d.end(); err != nil {
		return 0, err
	}
	return n, nil
}
