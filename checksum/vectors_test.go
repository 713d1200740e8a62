package checksum

import (
	"encoding/json"
	"os"
	"testing"
)

// officialVectors reads the vectors of the BLAKE3 project: input byte i is
// i mod 251, and the hash is of extended length.
func officialVectors(t *testing.T) map[string]Digest {
	t.Helper()
	b, err := os.ReadFile("../testdata/blake3/test_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			InputLen int    `json:"input_len"`
			Hash     string `json:"hash"`
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 22 {
		t.Fatalf("only %d official vectors", len(file.Cases))
	}
	vectors := make(map[string]Digest)
	for _, c := range file.Cases {
		input := make([]byte, c.InputLen)
		for i := range input {
			input[i] = byte(i % 251)
		}
		d, err := parseHex([]byte(c.Hash[:64]))
		if err != nil {
			t.Fatal(err)
		}
		vectors[string(input)] = d
	}
	return vectors
}

func TestOfficialVectors(t *testing.T) {
	for input, want := range officialVectors(t) {
		p := []byte(input)
		if got := Sum(p); got != want {
			t.Errorf("Sum of %d bytes: %v, want %v", len(p), got, want)
		}
		if got := NewNode(p, 0).Root(); got != want {
			t.Errorf("NewNode of %d bytes: root %v, want %v", len(p), got, want)
		}
		h := NewHasher()
		for len(p) > 0 {
			n := min(len(p), 1000)
			_, _ = h.Write(p[:n])
			p = p[n:]
		}
		if got := h.Sum(); got != want {
			t.Errorf("Hasher of %d bytes: %v, want %v", len(input), got, want)
		}
	}
}

func TestHasherGoesOnAfterSumAndReset(t *testing.T) {
	h := NewHasher()
	_, _ = h.Write([]byte("ab"))
	if h.Sum() != Sum([]byte("ab")) {
		t.Error("first sum")
	}
	_, _ = h.Write([]byte("c"))
	if h.Sum() != Sum([]byte("abc")) {
		t.Error("sum after more")
	}
	h.reset()
	if h.Sum() != Sum(nil) {
		t.Error("sum after reset")
	}
}

func TestParseHex(t *testing.T) {
	d := Sum([]byte("x"))
	if got, err := parseHex([]byte(d.String())); err != nil || got != d {
		t.Fatalf("round trip: %v, %v", got, err)
	}
	s := d.String()
	for _, bad := range []string{"", s[:63], s + "0", "G" + s[1:], s[:63] + "F", s[:63] + " ", s[:63] + "\x00"} {
		if _, err := parseHex([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
