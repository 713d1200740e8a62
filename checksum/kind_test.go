package checksum

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestLinesOfOtherPrograms(t *testing.T) {
	digits := func(k Kind) string { return strings.Repeat("ab", k.size()) }
	for _, c := range []struct {
		line string
		kind Kind
		name string // empty: it is refused
	}{
		{digits(MD5) + "  a", MD5, "a"},
		{digits(SHA1) + " *a", SHA1, "a"},
		{digits(SHA224) + "  *a", SHA224, "*a"},
		{digits(SHA256) + "  a", Either, "a"},
		{digits(SHA256) + " *a", SHA256, "a"},
		{strings.ToUpper(digits(SHA256)) + "  a", SHA256, "a"},
		{digits(SHA256) + "  \xff", SHA256, "\xff"},
		{digits(SHA256) + "  \ufffd", Either, ""},
		{digits(SHA384) + "  a b", SHA384, "a b"},
		{digits(SHA512) + "  a\r\n", SHA512, "a"},
		{"\\" + digits(MD5) + `  a\\b\nc\r`, MD5, "a\\b\nc\r"},
		{digits(MD5) + "  \ufffd\xff", MD5, "\ufffd\xff"},
		{"SHA256 (a) = b) = " + digits(SHA256), SHA256, "a) = b"},
		{"MD5 (a) = " + strings.ToUpper(digits(MD5)), MD5, "a"},
		{"BLAKE3 (a) = " + strings.ToUpper(digits(BLAKE3)), BLAKE3, ""},
		{"SHA256 (a) = " + digits(MD5), SHA256, ""},
		{"BLAKE2b (a) = " + digits(SHA512), BLAKE3, ""},
		{digits(MD5) + " a", MD5, ""},
		{digits(MD5) + "a  a", MD5, ""},
		{digits(MD5)[2:] + "  a", MD5, ""},
		{"x" + digits(MD5)[1:] + "  a", MD5, ""},
		{digits(MD5) + "  ", MD5, ""},
	} {
		r, err := parseLine([]byte(c.line))
		if (err == nil) != (c.name != "") || err == nil && (r.kind != c.kind || string(r.name) != c.name || len(r.sum) != c.kind.size()) {
			t.Errorf("%q is %v of %q with %d bytes, %v", c.line, r.kind, r.name, len(r.sum), err)
		}
	}
}

func TestCommentsAreNoLines(t *testing.T) {
	s := NewScanner(strings.NewReader("# one\n" + zero + "  a\n#\n" + zero + "  #b\n"))
	var got []string
	for s.Scan() {
		got = append(got, fmt.Sprintf("%d %s %v", s.Line().Number, s.Line().Name, s.Line().Err))
	}
	if want := "2 a <nil>,4 #b <nil>"; strings.Join(got, ",") != want || s.Err() != nil {
		t.Errorf("%v, %v", got, s.Err())
	}
}

// The oracle is the standard library, fed in one piece; testdata/script/checksum.txtar has
// the programs.
func TestFilesOfOtherKinds(t *testing.T) {
	dir := t.TempDir()
	for k := MD5; k < kinds; k++ {
		var paths []string
		var want []string
		var all int64
		for i, size := range []int{0, 1, pieceSize, pieceSize + 1, largeFile + 5} {
			b := bytes.Repeat([]byte{byte(i), 1, 2, byte(k)}, size/4+1)[:size]
			path := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			h := k.other()
			h.Write(b)
			paths, want, all = append(paths, path), append(want, hex.EncodeToString(h.Sum(nil))), all+int64(size)
		}
		var got []string
		var read atomic.Int64
		o := FilesOptions{Workers: 3, Kind: k, Read: func(n int) { read.Add(int64(n)) }}
		err := Files(t.Context(), paths, o, nil, func(f File) error {
			if f.Err != nil || f.Digest != (Digest{}) && f.Digest != Sum(nil) {
				t.Errorf("%v of %s: %v, %v", k, f.Path, f.Err, f.Digest)
			}
			got = append(got, hex.EncodeToString(f.Other))
			return nil
		})
		if err != nil || strings.Join(got, " ") != strings.Join(want, " ") || read.Load() != all {
			t.Errorf("%v: %v, %d bytes read, %v", k, got, read.Load(), err)
		}
	}
}

// Whoever waits hears of every byte, whichever way a file is read.
func TestReadIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, size := range []int64{0, 1, pieceSize, 3 * ChunkSize, largeFile + 7} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		var read atomic.Int64
		err := Files(t.Context(), []string{path}, FilesOptions{Read: func(n int) { read.Add(int64(n)) }}, nil, func(f File) error { return f.Err })
		if err != nil || read.Load() != size {
			t.Errorf("of %d bytes %d were told, %v", size, read.Load(), err)
		}
	}
}
