package framing

import (
	"encoding/binary"
	"fmt"
)

// decoder takes fields off a body one by one. The first failure sticks and
// later calls return zeros, so a parser reads straight through and asks once.
// Nothing is copied: byte fields point into the body.
type decoder struct {
	t   Type
	b   []byte // what is left
	err error
}

// fail notes the first error, with the field that it came from.
func (d *decoder) fail(field string, err error) {
	if d.err == nil {
		d.err = &Error{Type: d.t, Code: CodeProtocol, Err: fmt.Errorf("%s: %w", field, err)}
	}
}

// raw takes the next n bytes, n being a constant or checked by the caller.
func (d *decoder) raw(field string, n int) []byte {
	if d.err != nil {
		return nil
	}
	if n > len(d.b) {
		d.fail(field, errShort)
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) u8(field string) uint8 {
	if p := d.raw(field, 1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) u16(field string) uint16 {
	if p := d.raw(field, 2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (d *decoder) u32(field string) uint32 {
	if p := d.raw(field, 4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (d *decoder) u64(field string) uint64 {
	if p := d.raw(field, 8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// uv takes a number from least to most, both included.
func (d *decoder) uv(field string, least, most uint64) uint64 {
	if d.err != nil {
		return 0
	}
	v, n, err := uvarint(d.b)
	if err == nil && (v < least || v > most) {
		err = errRange
	}
	if err != nil {
		d.fail(field, err)
		return 0
	}
	d.b = d.b[n:]
	return v
}

// sv takes a signed number; every int64 is allowed.
func (d *decoder) sv(field string) int64 {
	if d.err != nil {
		return 0
	}
	v, n, err := uvarint(d.b)
	if err != nil {
		d.fail(field, err)
		return 0
	}
	d.b = d.b[n:]
	return unzigzag(v)
}

// bytes takes a length from least to most and as many bytes.
func (d *decoder) bytes(field string, least, most int) []byte {
	return d.raw(field, int(d.uv(field, uint64(least), uint64(most))))
}

func (d *decoder) digest(field string) (sum [DigestSize]byte) {
	copy(sum[:], d.raw(field, DigestSize))
	return sum
}

// flag takes a byte that is 0 or 1.
func (d *decoder) flag(field string) bool {
	v := d.u8(field)
	if v > 1 {
		d.fail(field, errRange)
	}
	return v == 1
}

// cause takes a code that must name a failure: an error without a cause could
// be taken for success.
func (d *decoder) cause(field string) Code {
	c := Code(d.u8(field))
	if c == CodeNone && d.err == nil {
		d.fail(field, errRange)
	}
	return c
}

// end reports the first error, or that the body has bytes left over.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) != 0 {
		d.fail("end", errTrailing)
	}
	return d.err
}

func appendFlag(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
