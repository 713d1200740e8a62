package checksum

import "golang.org/x/sys/cpu"

// haveWide tells whether compress16 may be called here: the processor has
// AVX-512F, and the system saves its registers.
var haveWide = cpu.X86.HasAVX512F

// haveEach is the same of compressEach.
var haveEach = haveWide

// compress16 hashes wideWidth inputs of blocks*64 bytes each, stride bytes apart
// from in on, and stores their chaining values. flags are those of each block.
// Input i has the number counter+i*step; counter is a multiple of wideWidth, or
// step is 0, so that no addition carries into its upper half.
//
//go:noescape
func compress16(out *[wideWidth]CV, in *byte, stride, blocks, counter, step uint64, flags *uint32)

// compressEach hashes wideWidth inputs that lie anywhere, each of its own number
// of blocks and with a counter of 32 bits. start is the flag of the first block of
// each. The last block of input i counts last[i] bytes and has the flags end[i].
// most is the largest of blocks; so many blocks of every input are read. Word w of
// the chaining value of input i comes to out[w][i].
//
//go:noescape
func compressEach(out *[8][wideWidth]uint32, in *[wideWidth]*byte, counter, blocks, last, end *[wideWidth]uint32, start, most uint64)
