package cpace

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The test vectors of draft-irtf-cfrg-cpace-21 for X25519 with SHA-512.
const (
	vecCI  = "0b415f696e69746961746f720b425f726573706f6e646572"
	vecSID = "7e4b4791d6a8ef019b936c79fb7f2c57"
	vecG   = "d04bf6d41f6a289632a2e929fa29bebd51092512a7829fdde7d314b62f05a73f"
	vecya  = "21b4f4bd9e64ed355c3eb676a28ebedaf6d8f17bdc365995b319097153044080"
	vecYa  = "1d13c89278cdadd826f6d8d7f887701430f8380ddc17611cdd6dc989ce0c9f32"
	vecyb  = "848b0779ff415f0af4ea14df9dd1d3c29ac41d836c7808896c4eba19c51ac40a"
	vecYb  = "248cccf6d5cdc3646f0ad593f9e6cef4e69d4945f8372e623512ecea32185623"
	vecISK = "6e19b875f7a561d6b3ca3dbb9ef42ac55de3e717881018204b8922b4d5e53bb2" +
		"aa82c300bea7b65d2b671da71922ddf6472301b79bc270adfa8bf413285f2263"
)

func TestDraftVectors(t *testing.T) {
	prs, ci, sid := []byte("Password"), unhex(t, vecCI), unhex(t, vecSID)
	if g := Generator(prs, ci, sid); !bytes.Equal(g[:], unhex(t, vecG)) {
		t.Errorf("generator = %x", g)
	}
	a, err := New(bytes.NewReader(unhex(t, vecya)), Generator(prs, ci, sid), sid)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(bytes.NewReader(unhex(t, vecyb)), Generator(prs, ci, sid), sid)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.share[:], unhex(t, vecYa)) {
		t.Errorf("Ya = %x", a.share)
	}
	if !bytes.Equal(b.share[:], unhex(t, vecYb)) {
		t.Errorf("Yb = %x", b.share)
	}
	tr := Transcript{ShareA: a.share[:], ADA: []byte("ADa"), ShareB: b.share[:], ADB: []byte("ADb")}
	for name, got := range map[string]func() ([]byte, error){
		"initiator": func() ([]byte, error) { return a.ISK(b.share[:], tr) },
		"responder": func() ([]byte, error) { return b.ISK(a.share[:], tr) },
	} {
		isk, err := got()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(isk, unhex(t, vecISK)) {
			t.Errorf("%s: ISK = %x", name, isk)
		}
	}
}

func TestAppendLVVectors(t *testing.T) {
	got := AppendLV(nil, []byte("1234"), []byte("5"), nil, []byte("678"))
	if want := unhex(t, "043132333401350003363738"); !bytes.Equal(got, want) {
		t.Errorf("lv_cat = %x", got)
	}
	if got := AppendLV(nil, make([]byte, 128)); !bytes.Equal(got[:2], []byte{0x80, 0x01}) {
		t.Errorf("length 128 = %x", got[:2])
	}
}

// The draft's points of low order, each of which has to be refused, and its
// results for non-canonical ones.
func TestLowOrder(t *testing.T) {
	key, err := ecdh.X25519().NewPrivateKey(unhex(t, "af46e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449aff"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		if _, err := x25519(key, unhex(t, u)); !errors.Is(err, ErrShare) {
			t.Errorf("%s: err = %v, want %v", u, err, ErrShare)
		}
	}
	for u, want := range map[string]string{
		"daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "d8e2c776bbacd510d09fd9278b7edcd25fc5ae9adfba3b6e040e8d3b71b21806",
		"cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880": "e062dcd5376d58297be2618c7498f55baa07d7e03184e8aada20bca28888bf7a",
	} {
		got, err := x25519(key, unhex(t, u))
		if err != nil || !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: %x, %v", u, got, err)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := x25519(key, make([]byte, n)); !errors.Is(err, ErrShare) {
			t.Errorf("%d bytes: err = %v", n, err)
		}
	}
}

func TestInputsMatter(t *testing.T) {
	run := func(change func(prs, ci, sid, ad *[]byte)) bool {
		prs, ci, sid, ad := []byte("7-abc"), []byte("ci"), []byte("sid"), []byte("hello")
		a, err := New(rand.Reader, Generator(prs, ci, sid), sid)
		if err != nil {
			t.Fatal(err)
		}
		trA := Transcript{ADA: ad, ADB: []byte("b")}
		change(&prs, &ci, &sid, &ad)
		b, err := New(rand.Reader, Generator(prs, ci, sid), sid)
		if err != nil {
			t.Fatal(err)
		}
		trA.ShareA, trA.ShareB = a.share[:], b.share[:]
		trB := trA
		trB.ADA = ad
		iskA, errA := a.ISK(b.share[:], trA)
		iskB, errB := b.ISK(a.share[:], trB)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		return bytes.Equal(iskA, iskB)
	}
	if !run(func(_, _, _, _ *[]byte) {}) {
		t.Error("equal inputs give different keys")
	}
	for name, change := range map[string]func(prs, ci, sid, ad *[]byte){
		"password": func(p, _, _, _ *[]byte) { *p = []byte("7-abd") },
		"channel":  func(_, c, _, _ *[]byte) { *c = []byte("cj") },
		"session":  func(_, _, s, _ *[]byte) { *s = []byte("sie") },
		"data":     func(_, _, _, d *[]byte) { *d = []byte("hellp") },
	} {
		if run(change) {
			t.Errorf("a different %s gives the same key", name)
		}
	}
}
