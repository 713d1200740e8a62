package framing

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
