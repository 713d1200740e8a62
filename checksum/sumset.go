package checksum

import (
	"encoding/binary"
	"math/bits"
)

// Sumset is the digest of a set of delivered files, independent of the order in
// which they are added: the sum modulo 2^256 of
// BLAKE3(u64be id ‖ u64be size ‖ root), each taken as a little-endian integer.
// It finds disagreement between two honest ends; it does not resist a peer that
// chooses the roots. The zero value is the empty set. It belongs to one goroutine.
type Sumset struct {
	lanes [4]uint64 // least significant first
}

// Add puts one file into the set: its number in the walk, its size in bytes, and
// its digest.
func (s *Sumset) Add(id, size uint64, root Digest) {
	var b [48]byte
	binary.BigEndian.PutUint64(b[0:], id)
	binary.BigEndian.PutUint64(b[8:], size)
	copy(b[16:], root[:])
	d := Sum(b[:])
	var carry uint64
	for i := range s.lanes {
		s.lanes[i], carry = bits.Add64(s.lanes[i], binary.LittleEndian.Uint64(d[8*i:]), carry)
	}
}

// Sum is the digest of what was added so far.
func (s *Sumset) Sum() (sum [32]byte) {
	for i, l := range s.lanes {
		binary.LittleEndian.PutUint64(sum[8*i:], l)
	}
	return sum
}
