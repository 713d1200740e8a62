//go:build !amd64 && !arm64

package checksum

// haveWide and haveEach: there are no wide kernels here.
const haveWide, haveEach = false, false

func compress16(*[wideWidth]CV, *byte, uint64, uint64, uint64, uint64, *uint32) {
	panic("checksum: no wide kernel on this processor")
}

func compressEach(*[8][wideWidth]uint32, *[wideWidth]*byte, *[wideWidth]uint32, *[wideWidth]uint32, *[wideWidth]uint32, *[wideWidth]uint32, uint64, uint64) {
	panic("checksum: no wide kernel on this processor")
}
