package cpace

import (
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"flag"
	"math/big"
	"slices"
	"strings"
	"testing"

	"ferry/framing/vector"
)

var update = flag.Bool("update", false, "write the vectors of testdata/handshake again")

// The vectors that PROTOCOL.md, section 10, describes. They were checked against a
// program that was written from PROTOCOL.md alone.
const (
	shareVectors = "../../../testdata/handshake/shares.txt"
	mapVectors   = "../../../testdata/handshake/elligator.txt"
)

// shares are what the other side can send. The scalar, and the points of low order and
// not in canonical form, are those of the draft.
var shares = []struct{ name, u string }{
	{"an ordinary one", "1d13c89278cdadd826f6d8d7f887701430f8380ddc17611cdd6dc989ce0c9f32"},
	{"the same with the top bit set", "1d13c89278cdadd826f6d8d7f887701430f8380ddc17611cdd6dc989ce0c9fb2"},
	{"the base point", "09" + strings.Repeat("00", 31)},
	{"the base point with the top bit set", "09" + strings.Repeat("00", 30) + "80"},
	{"the base point, and the prime added", "f6" + strings.Repeat("ff", 30) + "7f"},
	{"zero", strings.Repeat("00", 32)},
	{"zero with the top bit set", strings.Repeat("00", 31) + "80"},
	{"one", "01" + strings.Repeat("00", 31)},
	{"the prime less one", "ec" + strings.Repeat("ff", 30) + "7f"},
	{"the prime", "ed" + strings.Repeat("ff", 30) + "7f"},
	{"the prime and one", "ee" + strings.Repeat("ff", 30) + "7f"},
	{"order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
	{"order 8, the other", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"},
	{"order 8 with the top bit set", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880"},
	{"19 below the prime, with the top bit set", "da" + strings.Repeat("ff", 31)},
	{"near order 8, with the top bit set", "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880"},
	{"all bits", strings.Repeat("ff", 32)},
	{"31 bytes", "09" + strings.Repeat("00", 30)},
	{"33 bytes", "09" + strings.Repeat("00", 32)},
	{"no bytes", ""},
}

const shareScalar = "af46e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449aff"

// What K follows from a share, or that the share is refused.
func TestShareVectors(t *testing.T) {
	key, err := ecdh.X25519().NewPrivateKey(unhex(t, shareScalar))
	if err != nil {
		t.Fatal(err)
	}
	var stanzas []vector.Stanza
	for _, share := range shares {
		var s vector.Stanza
		s.Add("name", share.name)
		s.Add("scalar", shareScalar)
		s.AddBytes("share", unhex(t, share.u))
		k, err := x25519(key, unhex(t, share.u))
		switch {
		case err == nil:
			s.Add("expect", "ok")
			s.AddBytes("k", k)
		case errors.Is(err, ErrShare):
			s.Add("expect", "violation")
		default:
			t.Errorf("%s: %v", share.name, err)
		}
		// A side that is at that point in the exchange says the same.
		p := &Party{scalar: key}
		if _, whole := p.ISK(unhex(t, share.u), Transcript{}); (whole == nil) != (err == nil) {
			t.Errorf("%s: the key is %v, the exchange ends with %v", share.name, err, whole)
		}
		stanzas = append(stanzas, s)
	}
	vector.Compare(t, shareVectors, "K of section 2.3 from a scalar and the other side's share.\n", stanzas, *update)
}

// branchOf tells by big numbers, apart from the code under test, whether the first
// candidate of section 2.3 is on the curve for the little-endian number r.
func branchOf(r []byte) string {
	big1, a := big.NewInt(1), big.NewInt(curveA)
	p := new(big.Int).Sub(new(big.Int).Lsh(big1, 255), big.NewInt(19))
	slices.Reverse(r)
	r[0] &= 0x7f
	n := new(big.Int).SetBytes(r)
	x := new(big.Int).Mul(n, n)
	x.Add(x.Lsh(x, 1), big1).ModInverse(x, p).Mul(x, a).Neg(x).Mod(x, p) // -A / (1 + 2r²)
	y := new(big.Int).Add(x, a)
	y.Mul(y, x).Add(y, big1).Mul(y, x).Mod(y, p) // x³ + A·x² + x
	if big.Jacobi(y, p) >= 0 {
		return "taken"
	}
	return "not taken"
}

// The points that 32 bytes are mapped to.
func TestMapVectors(t *testing.T) {
	var stanzas []vector.Stanza
	branches := make(map[string]bool)
	for _, r := range []struct{ name, hash string }{
		{"zero", strings.Repeat("00", 32)},
		{"zero with the top bit set", strings.Repeat("00", 31) + "80"},
		{"one", "01" + strings.Repeat("00", 31)},
		{"two", "02" + strings.Repeat("00", 31)},
		{"three", "03" + strings.Repeat("00", 31)},
		{"three with the top bit set", "03" + strings.Repeat("00", 30) + "80"},
		{"the prime less one", "ec" + strings.Repeat("ff", 30) + "7f"},
		{"the prime", "ed" + strings.Repeat("ff", 30) + "7f"},
		{"the prime and one", "ee" + strings.Repeat("ff", 30) + "7f"},
		{"all bits but the top one", strings.Repeat("ff", 31) + "7f"},
		{"all bits", strings.Repeat("ff", 32)},
		{"counting up", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
		{"counting down", "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0"},
	} {
		g := elligator2([32]byte(unhex(t, r.hash)))
		var s vector.Stanza
		s.Add("name", r.name)
		s.Add("r", r.hash)
		s.Add("g", hex.EncodeToString(g[:]))
		branch := branchOf(unhex(t, r.hash))
		s.Add("x1", branch)
		branches[branch] = true
		stanzas = append(stanzas, s)
	}
	if len(branches) != 2 {
		t.Errorf("only these branches have vectors: %v", branches)
	}
	vector.Compare(t, mapVectors, "Elligator2 of section 2.3: the point g of the 32 bytes r.\n", stanzas, *update)
}
