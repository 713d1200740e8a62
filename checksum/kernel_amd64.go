package checksum

import "golang.org/x/sys/cpu"

// haveWide tells whether compress16 may be called here: the processor has
// AVX-512F, and the system saves its registers.
var haveWide = cpu.X86.HasAVX512F

// compress16 hashes wideWidth inputs of blocks*64 bytes each, stride bytes apart
// from in on, and stores their chaining values. flags are those of each block.
// Input i has the number counter+i*step; counter is a multiple of wideWidth, or
// step is 0, so that no addition carries into its upper half.
//
//go:noescape
func compress16(out *[wideWidth]CV, in *byte, stride, blocks, counter, step uint64, flags *uint32)
