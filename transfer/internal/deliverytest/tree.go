package deliverytest

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// Prose is text of size bytes, of which no two chunks are the same.
func Prose(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "line %d of many, of which each says nearly what the one before it said: %d\n", i, i*i)
	}
	return b.Bytes()[:size]
}

// Contents has what is in a folder sent, and not the folder itself.
func Contents(path string) []send.Source {
	return []send.Source{{Source: tree.Source{Path: path, Contents: true}}}
}

// Named has items sent under their own names.
func Named(paths ...string) (out []send.Source) {
	for _, p := range paths {
		out = append(out, send.Source{Source: tree.Source{Path: p, Name: filepath.Base(p)}})
	}
	return out
}

// Write makes a file of size bytes whose content depends on seed.
func Write(t *testing.T, path string, size int, seed uint64) []byte {
	t.Helper()
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= size; i += 8 {
		v := r.Uint64()
		for k := range 8 {
			b[i+k] = byte(v >> (8 * k))
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
	return b
}

// SameTree compares two folders by path, type, mode, mtime, size and digest,
// and requires that nothing else is in the second.
func SameTree(t *testing.T, want, got string) {
	t.Helper()
	list := func(root string) map[string]string {
		out := make(map[string]string)
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(root, p)
			info, err := d.Info()
			if err != nil {
				return err
			}
			s := fmt.Sprintf("%v %d", info.Mode(), info.ModTime().UnixNano())
			switch {
			case info.Mode()&fs.ModeSymlink != 0:
				target, _ := os.Readlink(p)
				s = "-> " + target
			case info.Mode().IsRegular():
				b, err := os.ReadFile(p)
				if err != nil {
					return err
				}
				s += fmt.Sprintf(" %d %x", len(b), blake3.Sum256(b))
			}
			out[rel] = s
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	w, g := list(want), list(got)
	for p, s := range w {
		if g[p] != s {
			t.Errorf("%q is %s, want %s", p, g[p], s)
		}
	}
	for p := range g {
		if _, ok := w[p]; !ok {
			t.Errorf("%q is extra", p)
		}
	}
}

// MiB is a mebibyte, in bytes; a chunk has as many.
const MiB = 1 << 20

// Must ends the test with err unless it is nil.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// SameFile compares the contents of two files.
func SameFile(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	Must(t, err)
	y, err := os.ReadFile(b)
	Must(t, err)
	if !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// Digest is the digest of a file.
func Digest(t *testing.T, path string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	Must(t, err)
	return blake3.Sum256(b)
}

// Snapshot is all that a dry run must leave as it is: names, inodes by their
// times, modes and contents.
func Snapshot(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %d %v\n", p, info.Mode(), info.Size(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%x\n", content)
		}
		return nil
	})
	Must(t, err)
	return b.String()
}

// TimeOf is t as an entry has it.
func TimeOf(t time.Time) tree.Time { return tree.Time{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())} }
