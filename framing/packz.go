package framing

// PackZ is the body of a PACK, compressed; it needs CapZstd.
type PackZ struct {
	Frame []byte // one zstd frame
}

// ParsePackZ parses the body of a PACKZ: a zstd frame, with the checks of
// ParseZstd, of at most Limit(TypePack) bytes of content. Frame aliases b.
func ParsePackZ(b []byte) (m PackZ, content int, err error) {
	d := decoder{t: TypePackZ, b: b}
	content = d.zstd(maxBody)
	if err := d.end(); err != nil {
		return PackZ{}, 0, err
	}
	return PackZ{Frame: b}, content, nil
}

// Append appends the body.
func (m *PackZ) Append(b []byte) []byte { return append(b, m.Frame...) }
