package framing

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ferry/framing/vector"
)

// copyVectors are the payloads of testdata/pieces/copies.txt.
func copyVectors(t testing.TB) []vector.Stanza {
	t.Helper()
	all, err := vector.Read("../testdata/pieces/copies.txt")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parts writes what a payload says, as the vectors do.
func parts(payload []byte, length int) (said string, again []byte, err error) {
	var all []string
	for m, err := range ParseCopies(payload, length) {
		if err != nil {
			return "", nil, err
		}
		literal := "-"
		if len(m.Literal) > 0 {
			literal = fmt.Sprintf("%x", m.Literal)
		}
		all = append(all, fmt.Sprintf("%s/%d+%d", literal, m.Offset, m.Length))
		again = m.Append(again)
	}
	return strings.Join(all, " "), again, nil
}

func TestCopyVectors(t *testing.T) {
	for _, v := range copyVectors(t) {
		name, _ := v.Text("name")
		expect, _ := v.Text("expect")
		length, err := v.Number("length")
		if err != nil {
			t.Fatal(err)
		}
		payload, err := v.Bytes("payload")
		if err != nil {
			t.Fatal(err)
		}
		said, again, err := parts(payload, int(length))
		if expect != "ok" {
			if want := expectations[expect].err; want == nil || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %s", name, err, expect)
			}
			continue
		}
		if want, _ := v.Text("parts"); err != nil || said != want || string(again) != string(payload) {
			t.Errorf("%s: %v: %s, written again %x", name, err, said, again)
		}
	}
}

// FuzzCopies: what is taken makes up the chunk, and is written as it came.
func FuzzCopies(f *testing.F) {
	for _, v := range copyVectors(f) {
		length, _ := v.Number("length")
		payload, _ := v.Bytes("payload")
		f.Add(payload, int(length))
	}
	f.Fuzz(func(t *testing.T, payload []byte, length int) {
		if length < 1 || length > ChunkSize {
			return
		}
		var again []byte
		sum, copies := uint64(0), 0
		for m, err := range ParseCopies(payload, length) {
			if err != nil {
				if !errors.As(err, new(*Error)) {
					t.Errorf("refused with %v", err)
				}
				return
			}
			sum += uint64(len(m.Literal)) + m.Length
			if m.Length > 0 {
				copies++
			}
			again = m.Append(again)
		}
		if sum != uint64(length) || string(again) != string(payload) || copies > MaxCopies || len(payload) >= length {
			t.Errorf("%d of %d bytes, %d copies, %x again", sum, length, copies, again)
		}
	})
}
