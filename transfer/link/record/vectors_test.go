package record

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha512"
	"flag"
	"fmt"
	"io"
	"testing"

	"ferry/framing/vector"
	"ferry/transfer/link/memory"
)

var update = flag.Bool("update", false, "write the vectors of testdata again")

// The vectors of sealed records that PROTOCOL.md, section 10, describes.
const (
	keyVectors    = "../../../testdata/sealed/keys.txt"
	recordVectors = "../../../testdata/sealed/records.txt"
)

// count returns n bytes that count up from first.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// TestKeyVectors pins the keys of one generation after another.
func TestKeyVectors(t *testing.T) {
	var stanzas []vector.Stanza
	for _, keySize := range []int{16, 32} {
		secret := count(0, secretSize)
		for generation := range 3 {
			keys, err := hkdf.Expand(sha512.New, secret, "ferry sealed keys", 12+keySize)
			if err != nil {
				t.Fatal(err)
			}
			s := &sealer{secret: bytes.Clone(secret), keySize: keySize, limit: keyLimit}
			if err := s.rekey(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(s.iv[:], keys[:12]) {
				t.Errorf("iv of generation %d is %x", generation, s.iv)
			}
			var v vector.Stanza
			v.Add("name", fmt.Sprintf("AES-%d-GCM, generation %d", 8*keySize, generation))
			v.AddBytes("secret", secret)
			v.AddBytes("iv", keys[:12])
			v.AddBytes("key", keys[12:])
			secret = s.secret
			v.AddBytes("next-secret", secret)
			stanzas = append(stanzas, v)
		}
	}
	vector.Compare(t, keyVectors, "What a generation's secret gives.\n", stanzas, *update)
}

// at returns a sealer that is in generation, with so many records sealed in it.
func at(t *testing.T, keySize, generation int, records uint64) *sealer {
	t.Helper()
	s := &sealer{secret: count(0, secretSize), keySize: keySize, limit: keyLimit}
	for range generation + 1 {
		if err := s.rekey(); err != nil {
			t.Fatal(err)
		}
	}
	s.records = records
	return s
}

// TestRecordVectors pins records, right ones and such as cut the connection.
func TestRecordVectors(t *testing.T) {
	var stanzas []vector.Stanza
	add := func(name string, keySize, generation int, number uint64, plain []byte, damage func([]byte) []byte) {
		record, err := at(t, keySize, generation, number).seal(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		var v vector.Stanza
		v.Add("name", name)
		v.Add("expect", "ok")
		if damage != nil {
			record = damage(record)
			v = vector.Stanza{}
			v.Add("name", name)
			v.Add("expect", "cut")
		}
		v.AddNumber("key-bytes", uint64(keySize))
		v.AddNumber("generation", uint64(generation))
		v.AddNumber("number", number)
		if damage == nil {
			v.AddBytes("plain", plain)
		}
		v.AddBytes("record", record)
		stanzas = append(stanzas, v)
	}
	add("the first record", 16, 0, 0, []byte("ferry"), nil)
	add("the second record", 16, 0, 1, []byte("ferry"), nil)
	add("a number of five bytes", 16, 0, 1<<32+5, count(0, 100), nil)
	add("the next generation", 16, 1, 0, []byte("ferry"), nil)
	add("the orderly end", 16, 0, 7, nil, nil)
	add("the first record, AES-256-GCM", 32, 0, 0, []byte("ferry"), nil)
	add("the third generation, AES-256-GCM", 32, 2, 9, count(0, 65), nil)
	add("a bit of the tag", 16, 0, 0, []byte("ferry"), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	add("a bit of what is sealed", 16, 0, 0, []byte("ferry"), func(b []byte) []byte { b[4] ^= 0x80; return b })
	add("the number before", 16, 0, 1, []byte("ferry"), func([]byte) []byte {
		record, err := at(t, 16, 0, 0).seal(nil, []byte("ferry"))
		if err != nil {
			t.Fatal(err)
		}
		return record
	})
	add("a length below a tag's", 16, 0, 0, nil, func(b []byte) []byte { b[3]--; return b[:len(b)-1] })
	add("a length above the largest", 16, 0, 0, nil, func(b []byte) []byte { copy(b, []byte{0x00, 0x04, 0x00, 0x11}); return b })
	vector.Compare(t, recordVectors, "Records under the secret 00 01 … 3f of generation 0.\n", stanzas, *update)

	for i := range stanzas {
		checkRecord(t, &stanzas[i])
	}
}

// checkRecord opens the record of a vector as the other side does.
func checkRecord(t *testing.T, v *vector.Stanza) {
	t.Helper()
	name, _ := v.Text("name")
	size, _ := v.Number("key-bytes")
	generation, _ := v.Number("generation")
	number, _ := v.Number("number")
	record, err := v.Bytes("record")
	if err != nil {
		t.Fatal(err)
	}
	near, far := memory.Pair()
	if _, err := near.Write(record); err != nil {
		t.Fatal(err)
	}
	if err := near.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	conn := newSealed(NewConn(far), at(t, int(size), int(generation), number), nil)
	conn.raw.Promote(NewPulse())
	buf := make([]byte, maxSealed)
	n, err := conn.Read(buf)
	expect, _ := v.Text("expect")
	plain, _ := v.Bytes("plain")
	switch {
	case expect == "cut":
		if err == nil || err == io.EOF {
			t.Errorf("%s: read %d bytes, %v", name, n, err)
		}
	case len(plain) == 0:
		if n != 0 || err != io.EOF {
			t.Errorf("%s: read %d bytes, %v", name, n, err)
		}
	case err != nil || !bytes.Equal(buf[:n], plain):
		t.Errorf("%s: read %x, %v", name, buf[:n], err)
	}
}
