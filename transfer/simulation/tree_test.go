package simulation

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// simShape is a kind of source tree. Sizes lie at the boundaries of packs and
// chunks.
type simShape struct {
	name  string
	sizes []int // files in turn, at paths that folders makes up
	nest  int   // every so many files a new folder; 0: none
	more  int   // small files besides
	links int   // symbolic links
	zeros bool  // content is zeros
	ends  []int // streams of unknown length
}

var simShapes = [...]simShape{
	{name: "one small file", sizes: []int{1234}},
	{name: "nothing but an empty file", sizes: []int{0}},
	{name: "sizes at the limits of a pack", sizes: []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1}, nest: 2},
	{name: "sizes at the limits of a chunk", sizes: []int{deliverytest.MiB - 1, deliverytest.MiB, deliverytest.MiB + 1}},
	{name: "chunks", sizes: []int{3*deliverytest.MiB + 500_000, 2 * deliverytest.MiB, 100}, links: 1},
	{name: "many small files in folders", more: 60, nest: 7, links: 5},
	{name: "more small files than a pack takes", more: 520, nest: 100},
	{name: "a stream of unknown length", sizes: []int{10}, ends: []int{deliverytest.MiB + 77}},
	{name: "a stream alone", ends: []int{2*deliverytest.MiB + 12_345}},
	{name: "streams, one of them empty", ends: []int{0, 300_000}, links: 1},
	{name: "one large file", sizes: []int{5*deliverytest.MiB + 1}},
	{name: "folders and links only", nest: 1, links: 4},
	{name: "everything", sizes: []int{0, 70_000, deliverytest.MiB + 9, 2*deliverytest.MiB + 1}, more: 40, nest: 5, links: 3, ends: []int{5000}},
	{name: "more than is let be under way", sizes: []int{17*deliverytest.MiB + 5}, zeros: true},
}

// simTree is a source tree on disk, with what must arrive of it.
type simTree struct {
	shape *simShape
	root  string
	tops  []string          // paths of what is in root
	want  map[string]leaf   // by path at the destination
	ends  map[string][]byte // content of the streams
}

// simTime is when everything in a source tree was last changed: long before the
// bubble's time begins.
var simTime = time.Date(1999, 6, 1, 12, 0, 0, 123_456_789, time.UTC)

func simContent(seed uint64, n int, zeros bool) []byte {
	b := make([]byte, n)
	if zeros {
		return b
	}
	r := rand.New(rand.NewPCG(seed, 77))
	for i := 0; i < n; i += 8 {
		v := r.Uint64()
		for k := i; k < min(i+8, n); k++ {
			b[k], v = byte(v), v>>8
		}
	}
	return b
}

// grow makes the tree of a shape under root. Content is known from the making, so
// that thousands of runs need not read it again.
func grow(t testing.TB, root string, shape *simShape) *simTree {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &simTree{shape: shape, root: root, ends: make(map[string][]byte)}
	check(os.MkdirAll(root, 0o755))
	contents := make(map[string][]byte)
	dir, count := root, 0
	next := func() {
		if shape.nest > 0 && count%shape.nest == 0 {
			dir = filepath.Join(root, fmt.Sprintf("d%d", count/shape.nest%5))
			if count/shape.nest > 5 {
				dir = filepath.Join(dir, fmt.Sprintf("deep%d", count/shape.nest))
			}
			check(os.MkdirAll(dir, 0o755))
		}
		count++
	}
	file := func(name string, size int) {
		next()
		p := filepath.Join(dir, name)
		contents[p] = simContent(uint64(count), size, shape.zeros)
		check(os.WriteFile(p, contents[p], 0o600))
		check(os.Chmod(p, []fs.FileMode{0o644, 0o600, 0o755}[count%3]))
	}
	for _, n := range shape.sizes {
		file(fmt.Sprintf("f%d", n), n)
	}
	for i := range shape.more {
		file(fmt.Sprintf("s%d.txt", i), i*37%9000)
	}
	for i := range shape.links {
		next()
		check(os.Symlink("nowhere", filepath.Join(dir, fmt.Sprintf("l%d", i))))
	}
	if shape.nest > 0 {
		check(os.MkdirAll(filepath.Join(root, "empty", "within"), 0o755))
	}
	for i, n := range shape.ends {
		s.ends[fmt.Sprintf("end%d", i)] = simContent(uint64(i), n, false)
	}
	check(age(root))
	var err error
	s.want, err = look(root, contents)
	check(err)
	s.tops, err = filepath.Glob(filepath.Join(root, "*"))
	check(err)
	for name, b := range s.ends {
		s.want[name] = leaf{kind: tree.File, mode: 0o644, data: b}
	}
	return s
}

// age sets the times of all files and folders.
func age(root string) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(p, simTime, simTime)
	})
}

// look lists a real folder. Content that contents does not have is read.
func look(root string, contents map[string][]byte) (map[string]leaf, error) {
	out := make(map[string]leaf)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		l := leaf{kind: tree.Folder, mode: uint32(info.Mode().Perm()), mtime: deliverytest.TimeOf(info.ModTime())}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			l.kind, l.mode = tree.Symlink, 0
			if l.target, err = os.Readlink(p); err != nil {
				return err
			}
		case info.Mode().IsRegular():
			l.kind = tree.File
			b, known := contents[p]
			if !known {
				if b, err = os.ReadFile(p); err != nil {
					return err
				}
			}
			l.data = b
		}
		out[filepath.ToSlash(strings.TrimPrefix(p, root+string(filepath.Separator)))] = l
		return nil
	})
	return out, err
}

// sources is what a sender process is told to send: streams are read anew by
// each, from the start.
func (s *simTree) sources(rng *rand.Rand, byName bool) (out []send.Source) {
	switch {
	case len(s.want) == len(s.ends):
	case byName:
		out = deliverytest.Named(s.tops...)
	default:
		out = deliverytest.Contents(s.root)
	}
	for i := range len(s.ends) {
		name := fmt.Sprintf("end%d", i)
		out = append(out, send.Source{
			Source: tree.Source{Name: name},
			Reader: &slowReader{r: bytes.NewReader(s.ends[name]), pause: time.Duration(rng.IntN(200)) * time.Millisecond, every: 1 + rng.IntN(200_000)},
		})
	}
	return out
}

// slowReader gives at most every bytes at a time, and pauses between.
type slowReader struct {
	r     io.Reader
	pause time.Duration
	every int
}

func (s *slowReader) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.r.Read(p[:min(len(p), s.every)])
}
