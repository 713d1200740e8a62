package record

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"testing"

	"ferry/transfer/link/memory"
)

// fixedSecret is what TLS exports, in these tests.
func fixedSecret() []byte {
	b := make([]byte, 64)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// fixedKeys are 12 bytes of nonce and a key of 16, as PROTOCOL.md makes them of
// fixedSecret.
func fixedKeys(generation uint64) ([]byte, error) {
	expand := func(key []byte, info string, n int) []byte {
		m := hmac.New(sha512.New, key) // RFC 5869 for one block of 64 bytes
		m.Write(append([]byte(info), 1))
		return m.Sum(nil)[:n]
	}
	secret := fixedSecret()
	for range generation {
		secret = expand(secret, "ferry sealed next", 64)
	}
	return expand(secret, "ferry sealed keys", 28), nil
}

// Vectors for other implementations: iv and key of generations 0 to 2, of the secret
// 00 01 … 3f.
func TestSealedKeysRatchet(t *testing.T) {
	s := &sealer{secret: fixedSecret(), keySize: 16, limit: 1}
	for generation, want := range []string{
		"9da92b3c9ec97f9b6ed7c518dc79695c62b462421fd9838484c791af",
		"763e30d66d0c05eab7294f12b04b198ddab22c146e6c57b5f665e90d",
		"cbe4ef55fcb119148d494be2cbd096d5dfd13cad68da1c4e84738ce8",
	} {
		old := s.secret
		if err := s.rekey(); err != nil {
			t.Fatal(err)
		}
		keys, _ := fixedKeys(uint64(generation))
		if got := hex.EncodeToString(keys); got != want || !bytes.Equal(s.iv[:], keys[:12]) {
			t.Errorf("generation %d: %s, want %s", generation, got, want)
		}
		if !bytes.Equal(old, make([]byte, 64)) {
			t.Errorf("the secret of generation %d is still there", generation)
		}
	}
}

func fixedSealer(t testing.TB, limit int64) *sealer {
	t.Helper()
	s, err := sealerOf(fixedSecret(), 16, limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sealedPair is one direction: what is written to a can be read from b.
func sealedPair(t testing.TB, limit int64) (a, b *Sealed, near, far net.Conn) {
	t.Helper()
	near, far = memory.Pair()
	end := func(c net.Conn) *Sealed {
		raw := NewConn(c)
		raw.Promote(NewPulse())
		return newSealed(raw, fixedSealer(t, limit), fixedSealer(t, limit))
	}
	return end(near), end(far), near, far
}

// oracleRecord seals as PROTOCOL.md says, by other means than the sealer.
func oracleRecord(t testing.TB, generation, number uint64, p []byte) []byte {
	t.Helper()
	keys, _ := fixedKeys(generation)
	block, err := aes.NewCipher(keys[12:])
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := append([]byte(nil), keys[:12]...)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^number)
	head := binary.BigEndian.AppendUint32(nil, uint32(len(p)+16))
	return append(head, gcm.Seal(nil, nonce, p, head)...)
}

func TestSealedRecordsAreThoseOfTheProtocol(t *testing.T) {
	s := fixedSealer(t, 1000)
	var number, generation, used uint64
	for _, n := range []int{0, 1, 700, 299, 1, 0, 999, 1, 1} {
		if used+uint64(n) > 1000 {
			generation, number, used = generation+1, 0, 0
		}
		p := bytes.Repeat([]byte{byte(n)}, n)
		got, err := s.seal([]byte("before"), p)
		if err != nil {
			t.Fatal(err)
		}
		want := append([]byte("before"), oracleRecord(t, generation, number, p)...)
		if !bytes.Equal(got, want) {
			t.Errorf("record %d of generation %d differs", number, generation)
		}
		number, used = number+1, used+uint64(n)
	}
	if generation != 2 {
		t.Errorf("%d changes of the key", generation)
	}
}

// Whatever the pieces in which bytes are written, flushed and read.
func TestSealedBytesArrive(t *testing.T) {
	for seed := range uint64(6) {
		random := mathrand.New(mathrand.NewPCG(seed, 1))
		a, b, near, _ := sealedPair(t, 1<<20)
		sent := make([]byte, 3<<20+int(seed))
		for i := range sent {
			sent[i] = byte(random.Uint32())
		}
		wrote := make(chan error, 1)
		go func() {
			rest := sent
			var err error
			for len(rest) > 0 && err == nil {
				n := min(len(rest), 1+random.IntN([]int{10, 5000, 70000, 600000}[random.IntN(4)]))
				if _, err = a.Write(rest[:n]); err == nil && random.IntN(3) == 0 {
					err = a.Flush()
				}
				rest = rest[n:]
			}
			err = errors.Join(err, a.CloseWrite(), a.Flush(), near.Close())
			wrote <- err
		}()
		sizes := mathrand.New(mathrand.NewPCG(seed, 2))
		var got []byte
		for {
			p := make([]byte, 1+sizes.IntN([]int{5, 4000, 300000}[sizes.IntN(3)]))
			n, err := b.Read(p)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("seed %d: %v after %d bytes", seed, err, len(got))
			}
		}
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, sent) {
			t.Fatalf("seed %d: %d bytes came of %d, or others", seed, len(got), len(sent))
		}
	}
}

// Nobody on the way can change, drop, repeat, swap or cut records unnoticed.
func TestSealedRecordsCannotBeTouched(t *testing.T) {
	s := fixedSealer(t, 1<<20)
	var records [][]byte
	var sent []byte
	for i, n := range []int{3, 1, 40, 17, 0} {
		p := bytes.Repeat([]byte{byte('a' + i)}, n)
		r, err := s.seal(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		records, sent = append(records, r), append(sent, p...)
	}
	try := func(name string, wire []byte) {
		t.Helper()
		_, b, _, _ := sealedPair(t, 1<<20)
		near, far := memory.Pair()
		b.raw.Conn = far
		go func() {
			_, _ = near.Write(wire)
			_ = near.CloseWrite()
		}()
		got, err := io.ReadAll(struct{ io.Reader }{b})
		if name == "untouched" {
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("untouched: %q, %v", got, err)
			}
			return
		}
		if err == nil || !bytes.HasPrefix(sent, got) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	join := func(of ...[]byte) []byte { return bytes.Join(of, nil) }
	whole := join(records...)
	try("untouched", whole)
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1 << (i % 8)
		try(fmt.Sprint("bit of byte ", i), changed)
		try(fmt.Sprint("cut at ", i), whole[:i])
	}
	for i := range records {
		try(fmt.Sprint("without ", i), join(append(append([][]byte{}, records[:i]...), records[i+1:]...)...))
		if i < len(records)-1 {
			twice := append(append([][]byte{}, records[:i+1]...), records[i:]...)
			try(fmt.Sprint("twice ", i), join(twice...))
			swapped := append([][]byte{}, records...)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			try(fmt.Sprint("swapped ", i), join(swapped...))
		}
	}
}

func TestSealedLengthsAreChecked(t *testing.T) {
	for _, n := range []uint32{0, 15, maxSealed + tag + 1, 1 << 31, 1<<32 - 1} {
		_, b, near, _ := sealedPair(t, 1<<20)
		go func() { _, _ = near.Write(binary.BigEndian.AppendUint32(nil, n)) }()
		if _, err := b.Read(make([]byte, 10)); !errors.Is(err, errLength) {
			t.Errorf("length %d: %v", n, err)
		}
	}
}

// FuzzSealed reads any bytes: nothing comes out that was not sealed, in order.
func FuzzSealed(f *testing.F) {
	s := fixedSealer(f, 100)
	var good []byte
	for _, p := range []string{"first", "", "x"} {
		good, _ = s.seal(good, []byte(p))
	}
	f.Add(good)
	f.Add(good[:30])
	f.Add([]byte{0, 4, 0, 16})
	f.Fuzz(func(t *testing.T, wire []byte) {
		var want []byte
		for number, rest := uint64(0), wire; len(rest) >= 4; number++ {
			n := binary.BigEndian.Uint32(rest)
			if n < 16 || uint64(n) > uint64(len(rest)-4) {
				break
			}
			p, err := fixedOpen(t, number, rest[:4+n])
			if err != nil || len(p) == 0 || len(want)+len(p) > 100 {
				break // a change of the key is beyond this oracle
			}
			want, rest = append(want, p...), rest[4+n:]
		}
		_, b, near, _ := sealedPair(t, 100)
		go func() {
			_, _ = near.Write(wire)
			_ = near.Close()
		}()
		got, _ := io.ReadAll(struct{ io.Reader }{b})
		if !bytes.HasPrefix(got, want) {
			t.Errorf("%q came, sealed was %q", got, want)
		}
		if len(got) > 100 {
			t.Errorf("%d bytes came", len(got))
		}
	})
}

func fixedOpen(t testing.TB, number uint64, record []byte) ([]byte, error) {
	t.Helper()
	keys, _ := fixedKeys(0)
	block, err := aes.NewCipher(keys[12:])
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := append([]byte(nil), keys[:12]...)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^number)
	return gcm.Open(nil, nonce, record[4:], record[:4])
}
