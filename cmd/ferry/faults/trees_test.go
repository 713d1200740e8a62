//go:build faults && linux

package faults

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// item is what an independent checker sees of a name.
type item struct {
	mode  fs.FileMode
	mtime time.Time // zero for a link
	size  int64
	sum   [sha256.Size]byte
	link  string
}

// picture is a folder by slash-separated path, "." being itself.
type picture map[string]item

// scan reads a folder. What is in ferry's own folder of partials is left out; the
// folder itself is not.
func scan(t testing.TB, dir string) picture {
	t.Helper()
	seen := picture{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		at, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		it := item{mode: info.Mode(), mtime: info.ModTime()}
		switch {
		case d.IsDir() && d.Name() == partials:
			seen[at] = it
			return fs.SkipDir
		case info.Mode()&fs.ModeSymlink != 0:
			it.mtime = time.Time{}
			it.link, err = os.Readlink(path)
		case info.Mode().IsRegular():
			var b []byte
			b, err = os.ReadFile(path)
			it.size, it.sum = int64(len(b)), sha256.Sum256(b)
		}
		seen[at] = it
		return err
	})
	if err != nil {
		t.Fatalf("looking at %s: %v", dir, err)
	}
	return seen
}

// partials is where ferry keeps what is under way.
const partials = ".ferry-partial"

// bytes is the content of all files.
func (p picture) bytes() (n int64) {
	for _, it := range p {
		n += it.size
	}
	return n
}

// equal is what exit code 0 promises: nothing else, nothing missing, nothing
// different.
func equal(t testing.TB, what string, want, got picture) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		w := want[path]
		switch g, there := got[path]; {
		case !there:
			t.Errorf("%s: %q is missing", what, path)
		case g.mode != w.mode || g.size != w.size || g.sum != w.sum || g.link != w.link || !g.mtime.Equal(w.mtime):
			t.Errorf("%s: %q differs: %v, want %v", what, path, g, w)
		}
	}
	for path := range got {
		if _, known := want[path]; !known {
			t.Errorf("%s: %q is there and was not sent", what, path)
		}
	}
}

// whole is what holds at every instant: under a final name stands all that was
// there before or all that was sent, and what was there before did not vanish.
func whole(t testing.TB, what string, before, sent, got picture) {
	t.Helper()
	for path, g := range got {
		if filepath.Base(path) == partials || g.mode.IsDir() {
			continue
		}
		old, was := before[path]
		now, comes := sent[path]
		same := func(w item) bool {
			return g.mode.Type() == w.mode.Type() && g.size == w.size && g.sum == w.sum && g.link == w.link
		}
		switch {
		case comes && same(now):
			// A name and its metadata come together.
			if g.mode != now.mode || !g.mtime.Equal(now.mtime) {
				t.Errorf("%s: %q has the content that was sent and not its mode or time: %v, want %v", what, path, g, now)
			}
		case was && same(old):
		case !was && !comes:
			t.Errorf("%s: %q was neither there nor sent", what, path)
		default:
			t.Errorf("%s: %q is neither the old nor the new: %v, old %v, new %v", what, path, g, old, now)
		}
	}
	for path, old := range before {
		if _, there := got[path]; !there && !old.mode.IsDir() {
			t.Errorf("%s: %q was there and is gone", what, path)
		}
	}
}

// content is n bytes that repeat nowhere.
func content(rng *rand.Rand, n int) []byte {
	var key [32]byte
	for i := range key {
		key[i] = byte(rng.Uint32())
	}
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b) // never fails
	return b
}

func sumOf(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }

// size of a tree: how many small files, and the sizes of the large ones.
type size struct {
	small int
	large []int
	fresh bool // nothing is there before of the large ones
}

// little is a file of several chunks and some small ones: enough for every step that ferry
// takes, and little enough to be sent hundreds of times.
func little() size { return size{small: 14, large: []int{2*mib + 700*kib}} }

// ample is more than the 16 MiB that an interruption may cost.
func ample() size { return size{small: 300, large: []int{40*mib + 11, 7 * mib}, fresh: true} }

// plant makes a tree at dir with the kinds of items that ferry delivers.
func plant(r *round, dir string, s size) {
	r.Helper()
	sub := filepath.Join(dir, "sub", "deeper")
	must(r, os.MkdirAll(sub, 0o755))
	must(r, os.Mkdir(filepath.Join(dir, "empty"), 0o750))
	sizes := []int{0, 1, 1023, 4096, 65536, 65537}
	for i := range s.small {
		n := r.IntN(9000)
		if i < len(sizes) {
			n = sizes[i]
		}
		in := dir
		if i%3 == 2 {
			in = sub
		}
		mode := fs.FileMode(0o644)
		if i%5 == 4 {
			mode = 0o400
		}
		write(r, filepath.Join(in, fmt.Sprint("small", i)), content(r.Rand, n), mode)
	}
	for i, n := range s.large {
		write(r, filepath.Join(dir, fmt.Sprint("large", i)), content(r.Rand, n), 0o600)
	}
	must(r, os.Symlink("../large0", filepath.Join(dir, "sub", "link")))
	// Folders get their time last, the innermost first.
	for _, path := range []string{sub, filepath.Dir(sub), filepath.Join(dir, "empty"), dir} {
		must(r, os.Chtimes(path, time.Time{}, moment(r)))
	}
}

func write(r *round, path string, b []byte, mode fs.FileMode) {
	r.Helper()
	must(r, os.WriteFile(path, b, mode))
	must(r, os.Chmod(path, mode)) // whatever the umask
	must(r, os.Chtimes(path, time.Time{}, moment(r)))
}

// moment is a time of modification, long ago, to the nanosecond.
func moment(r *round) time.Time {
	return time.Unix(1_500_000_000+r.Int64N(100_000_000), r.Int64N(1_000_000_000))
}

// litter puts older contents where some of tree will land, among them the first
// large file with its first chunk in common, and returns what is there then.
func litter(r *round, tree, at string, s size) picture {
	r.Helper()
	must(r, os.MkdirAll(filepath.Join(at, "sub", "deeper"), 0o755))
	for _, path := range []string{"small0", "small1", "sub/deeper/small5", "large0"} {
		b, err := os.ReadFile(filepath.Join(tree, path))
		if errors.Is(err, fs.ErrNotExist) || s.fresh && path == "large0" {
			continue
		}
		must(r, err)
		b = append(b, "older"...)
		if len(b) > mib {
			copy(b[mib:], content(r.Rand, len(b)-mib))
		}
		write(r, filepath.Join(at, path), b, 0o640)
	}
	return scan(r, at)
}

// partialsIn lists ferry's own files at a destination, of one suffix.
func partialsIn(t testing.TB, out, suffix string) (paths []string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(out, partials))
	if err != nil {
		return nil
	}
	for _, n := range names {
		if strings.HasSuffix(n.Name(), suffix) {
			paths = append(paths, filepath.Join(out, partials, n.Name()))
		}
	}
	return paths
}
