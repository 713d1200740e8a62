package framing

import "encoding/binary"

const (
	zstdMagic = 0xfd2fb528 // little-endian, RFC 8878 section 3.1.1
	// MaxZstdWindow is the largest window of a zstd frame, in bytes.
	MaxZstdWindow = ChunkSize
)

// Types of a zstd block, RFC 8878 section 3.1.1.2.2. Blocks of other types have as many
// bytes as they say.
const (
	zstdRLE      = 1 // one byte, to be repeated
	zstdReserved = 3
)

// ParseZstd checks that b, the payload of a DATA chunk, is one zstd frame that may be
// sent, and nothing more. It returns the content size that the frame states, 1 to most
// bytes. It looks at headers only: the decoder refuses content that does not decode, or
// not to that size.
func ParseZstd(b []byte, most int) (content int, err error) {
	d := decoder{t: TypeData, b: b}
	content = d.zstd(uint64(most))
	if err := d.end(); err != nil {
		return 0, err
	}
	return content, nil
}

// zstd takes one zstd frame of 1 to most bytes of content.
func (d *decoder) zstd(most uint64) (content int) {
	whole := len(d.b)
	magic := d.little("zstd magic", 4)
	descriptor := d.u8("zstd descriptor")
	single := descriptor&0x20 != 0
	switch {
	case d.err != nil:
		return 0
	case magic != zstdMagic: // a skippable frame has another one
		d.fail("zstd magic", errUnknown)
	case descriptor&0x08 != 0, descriptor&0x03 != 0: // reserved; a dictionary
		d.fail("zstd descriptor", errNotZero)
	}
	if !single {
		w := d.u8("zstd window")
		base := uint64(1) << (10 + w>>3)
		if window := base + base/8*uint64(w&7); window > MaxZstdWindow {
			d.fail("zstd window", errRange)
		}
	}
	var size uint64
	switch width := descriptor >> 6; {
	case width == 1:
		size = d.little("zstd content size", 2) + 256
	case width > 1:
		size = d.little("zstd content size", 1<<width)
	case single:
		size = d.little("zstd content size", 1)
	}
	if size == 0 || size > most { // 0 is also one that is not stated
		d.fail("zstd content size", errRange)
	}
	d.zstdBlocks()
	if descriptor&0x04 != 0 {
		d.raw("zstd checksum", 4)
	}
	if d.err == nil && uint64(whole-len(d.b)) >= size {
		d.fail("zstd frame", errMismatch)
	}
	return int(size)
}

// zstdBlocks takes blocks to the last one.
func (d *decoder) zstdBlocks() {
	for last := false; !last && d.err == nil; {
		head := d.little("zstd block", 3)
		size := int(head >> 3)
		switch head >> 1 & 3 {
		case zstdRLE:
			size = 1
		case zstdReserved:
			d.fail("zstd block", errUnknown)
		}
		d.raw("zstd block", size)
		last = head&1 != 0
	}
}

// little takes a little-endian number of up to 8 bytes.
func (d *decoder) little(field string, width int) uint64 {
	var b [8]byte
	copy(b[:], d.raw(field, width))
	return binary.LittleEndian.Uint64(b[:])
}
