//go:build !amd64

package checksum

// haveWide: there is no compress16 here.
const haveWide = false

func compress16(*[wideWidth]CV, *byte, uint64, uint64, uint64, uint64, *uint32) {
	panic("checksum: no wide kernel on this processor")
}
