package checksum

import (
	"encoding/binary"
	"math/big"
	"slices"
	"testing"
)

// The oracle adds with math/big.
func TestSumset(t *testing.T) {
	type file struct {
		id, size uint64
		root     Digest
	}
	var files []file
	sum := new(big.Int)
	for i := range uint64(300) {
		f := file{i, i << 30, Sum([]byte{byte(i)})}
		files = append(files, f)
		b := binary.BigEndian.AppendUint64(nil, f.id)
		b = binary.BigEndian.AppendUint64(b, f.size)
		d := Sum(append(b, f.root[:]...))
		slices.Reverse(d[:])
		sum.Add(sum, new(big.Int).SetBytes(d[:]))
	}
	sum.Mod(sum, new(big.Int).Lsh(big.NewInt(1), 256))
	var want [32]byte
	sum.FillBytes(want[:])
	slices.Reverse(want[:])

	var empty Sumset
	if empty.Sum() != [32]byte{} {
		t.Error("the empty set is not zero")
	}
	for range 3 {
		var s Sumset
		for _, i := range random(9).Perm(len(files)) {
			s.Add(files[i].id, files[i].size, files[i].root)
		}
		if s.Sum() != want {
			t.Errorf("%x, want %x", s.Sum(), want)
		}
	}
	var s Sumset
	for _, f := range files {
		s.Add(f.id, f.size+1, f.root)
	}
	if s.Sum() == want {
		t.Error("the size does not count")
	}
}

// Pinned, because both ends of a delivery have to agree on it.
func TestSumsetGolden(t *testing.T) {
	var s Sumset
	s.Add(1, 0, Sum(nil))
	s.Add(2, 3, Sum([]byte("abc")))
	const want = "2840b656a93212105fa60b943699ec3d1f00184ce298f4bf83a23a1599e517de"
	if got := Digest(s.Sum()).String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
