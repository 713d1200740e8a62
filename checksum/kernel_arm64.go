package checksum

// haveWide: every processor of arm64 has the 128-bit vectors that compress16 uses.
const haveWide = true

// haveEach: compressEach is not there.
const haveEach = false

// compress16 is that of amd64, in four passes of four lanes.
//
//go:noescape
func compress16(out *[wideWidth]CV, in *byte, stride, blocks, counter, step uint64, flags *uint32)

func compressEach(*[8][wideWidth]uint32, *[wideWidth]*byte, *[wideWidth]uint32, *[wideWidth]uint32, *[wideWidth]uint32, *[wideWidth]uint32, uint64, uint64) {
	panic("checksum: no kernel for lanes of different files on this processor")
}
