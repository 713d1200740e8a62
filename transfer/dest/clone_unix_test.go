//go:build unix

package dest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// copied stands for a system that makes clones of files: it copies.
func copied(in *tree.Dir, from *os.File, name string) (*os.File, error) {
	file, err := in.Create(name, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(file, io.NewSectionReader(from, 0, 1<<40)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// A clone takes the place of the partial's own file: it has the name, the lock and the
// content, and is published like any other. One that is too short, or that cannot be had,
// leaves all as it was.
func TestBecomeClone(t *testing.T) {
	b := content(3*chunk, 1)
	for name, c := range map[string]struct {
		size  int // of the source when it is cloned
		clone func(*tree.Dir, *os.File, string) (*os.File, error)
		want  bool
	}{
		"whole": {len(b), copied, true}, "longer": {len(b) + 1, copied, true}, "shorter": {len(b) - 1, copied, false},
		"none": {len(b), func(*tree.Dir, *os.File, string) (*os.File, error) { return nil, errors.ErrUnsupported }, false},
		"a name that is taken": {len(b), func(in *tree.Dir, from *os.File, name string) (*os.File, error) {
			_, err := in.OpenRW(name)
			return nil, err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "from")
			must(t, os.WriteFile(path, append(b[:len(b):len(b)], 0)[:c.size], 0o600))
			from, err := os.Open(path)
			must(t, err)
			defer from.Close()
			to := filepath.Join(dir, "to")
			must(t, os.Mkdir(to, 0o755))
			f := open(t, to, Options{VerifyDisk: true})
			e := fileEntry("x", len(b))
			p, err := f.Begin(e)
			must(t, err)
			if got := p.becomeClone(from, c.clone); got != c.want {
				t.Fatalf("a clone: %v", got)
			}
			other := open(t, to, Options{})
			if _, err := other.Begin(e); !errors.Is(err, storage.ErrLocked) {
				t.Errorf("another delivery of the file: %v", err)
			}
			if !c.want {
				for index := range checksum.Chunks(e.Size) {
					piece := b[index*chunk : (index+1)*chunk]
					must(t, p.WriteChunk(index, piece, checksum.NewNode(piece, index).CV()))
				}
			}
			must(t, p.Seal(e, e.Size, checksum.Sum(b)))
			publish(t, f, &storage.Publication{Partial: p, Entry: e})
			must(t, other.Close())
			finish(t, f)
			same(t, filepath.Join(to, "x"), b, e)
			names, err := os.ReadDir(to)
			must(t, err)
			if len(names) != 1 {
				t.Errorf("left over: %v", names)
			}
		})
	}
}

// Where no hole can be punched zeros are written, and only over what is none.
func TestBlank(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	must(t, err)
	defer file.Close()
	const size, at = 1 << 20, holeBlock
	must(t, file.Truncate(size))
	_, err = file.WriteAt(content(9<<10, 1), 500<<10)
	must(t, err)
	_, err = file.WriteAt([]byte{1}, at-1)
	must(t, err)
	before, err := tree.Fstat(file)
	must(t, err)
	must(t, blank(file, at, size-at))
	after, err := tree.Fstat(file)
	must(t, err)
	if after.Allocated != before.Allocated || after.Size != size {
		t.Errorf("of %d bytes %d take space, and %d before", after.Size, after.Allocated, before.Allocated)
	}
	got, err := os.ReadFile(file.Name())
	must(t, err)
	if i := bytes.IndexFunc(got[at:], func(r rune) bool { return r != 0 }); i >= 0 || got[at-1] != 1 {
		t.Errorf("byte %d is %d, and the one before %d is %d", at+i, got[at+i], at, got[at-1])
	}
}
