package link

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"testing"

	"ferry/framing"
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

// Once records are sealed nothing is left of what their keys were made from.
func TestNothingKeepsTheExporter(t *testing.T) {
	a, b := sessionOf(t, true)
	for _, l := range []*Link{a, b} {
		c := l.Stream(0).bytes.conn()
		if c.tls != nil || c.r != nil || c.w != nil || !bytes.Equal(c.exporter, make([]byte, exporterSize)) {
			t.Error("the connection of TLS or its exporter is still there")
		}
	}
	closeBoth(t, a, b)
}

func fixedSealer(t testing.TB, limit int64) *sealer {
	t.Helper()
	s := &sealer{secret: fixedSecret(), keySize: 16, limit: limit}
	if err := s.rekey(); err != nil {
		t.Fatal(err)
	}
	return s
}

// sealedPair is one direction: what is written to a can be read from b.
func sealedPair(t testing.TB, limit int64) (a, b *sealedConn, near, far net.Conn) {
	t.Helper()
	near, far = memory.Pair()
	end := func(c net.Conn) *sealedConn {
		raw := newCoalescer(c)
		raw.promote(newPulse())
		return &sealedConn{raw: raw, sealer: fixedSealer(t, limit), opener: fixedSealer(t, limit), pending: make([]byte, 0, sealWhole)}
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
					err = a.flush()
				}
				rest = rest[n:]
			}
			err = errors.Join(err, a.CloseWrite(), a.flush(), near.Close())
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
	for _, n := range []uint32{0, 15, maxSealed + sealedTag + 1, 1 << 31, 1<<32 - 1} {
		_, b, near, _ := sealedPair(t, 1<<20)
		go func() { _, _ = near.Write(binary.BigEndian.AppendUint32(nil, n)) }()
		if _, err := b.Read(make([]byte, 10)); !errors.Is(err, errSealedLength) {
			t.Errorf("length %d: %v", n, err)
		}
	}
}

// A side that does not seal gets TLS records, and all works as well.
func TestLinkWithoutSealing(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		a, b := sessionOf(t, sealed)
		for _, l := range []*Link{a, b} {
			if got := l.Stream(0).bytes.conn().sealed != nil; got != sealed {
				t.Errorf("sealed: %v, want %v", got, sealed)
			}
		}
		body := bytes.Repeat([]byte("content "), 20000)
		carry(t, a, b, body)
		carry(t, b, a, body)
		closeBoth(t, a, b)
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

// sessionOf makes a link in memory whose sides seal their records, or do not.
func sessionOf(t *testing.T, sealed bool) (a, b *Link) {
	t.Helper()
	near, far := memory.Pair()
	conf, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	listened := make(chan *channel, 1)
	go func() {
		c, err := openChannel(newCoalescer(far), conf, listening)
		if err != nil {
			t.Error(err)
		}
		listened <- c
	}()
	dialled, err := openChannel(newCoalescer(near), conf, dialling)
	if err == nil {
		err = dialled.raw.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	channels := [2]*channel{dialled, <-listened}
	var provers [2]*codeProver
	for i, c := range channels {
		if provers[i], err = newCodeProver(rand.Reader, code(t, "7-right"), Sender, c.exporter); err != nil {
			t.Fatal(err)
		}
	}
	d, l := helloBody{[]byte("d"), provers[0].share()}, helloBody{[]byte("l"), provers[1].share()}
	peer := framing.Hello{MaxVersion: framing.Version}
	if sealed {
		peer.Capabilities = framing.CapSealed
	}
	var links [2]*Link
	for i, p := range provers {
		if _, err := p.prove(d, l, side(i)); err != nil {
			t.Fatal(err)
		}
		if links[i], err = newSession(channels[i], &Config{Role: []Role{Sender, Receiver}[i]}, peer, p); err != nil {
			t.Fatal(err)
		}
	}
	return links[0], links[1]
}

// carry sends body from one link to the other.
func carry(t *testing.T, from, to *Link, body []byte) {
	t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- from.Stream(0).Send(true, framing.TypePack, body) }()
	if typ, n, err := to.Stream(0).Next(); err != nil || typ != framing.TypePack || n != len(body) {
		t.Fatalf("%v of %d bytes, %v", typ, n, err)
	}
	got, err := to.Stream(0).Body()
	if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}
