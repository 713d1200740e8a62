//go:build load && linux

package load

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// fact is what is compared of an item. Folders have a kind alone: a server leaves the time
// of one that was there, and a client that is run again finds its own.
type fact struct {
	kind   string
	size   int64
	digest [32]byte
	mode   fs.FileMode
	mtime  int64 // ns
}

// picture is a tree by slash-separated path.
type picture map[string]fact

// scan looks at all below dir.
func scan(dir string) (picture, error) {
	p := picture{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f := fact{kind: info.Mode().Type().String()}
		if info.Mode().IsRegular() {
			f.size, f.mode, f.mtime = info.Size(), info.Mode().Perm(), info.ModTime().UnixNano()
			if f.digest, err = digest(path); err != nil {
				return err
			}
		}
		p[filepath.ToSlash(rel)] = f
		return nil
	})
	return p, err
}

func digest(path string) (sum [32]byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, file)
	h.Sum(sum[:0])
	return sum, err
}

// differs tells the first ways in which got is not p; "" if there is none.
func (p picture) differs(got picture) (text string) {
	n := 0
	tell := func(format string, args ...any) {
		if n++; n <= 5 {
			text += fmt.Sprintf(format, args...) + "\n"
		}
	}
	for path, want := range p {
		if have, there := got[path]; !there {
			tell("%q is missing", path)
		} else if have != want {
			tell("%q is %v, want %v", path, have, want)
		}
	}
	for path := range got {
		if _, there := p[path]; !there {
			tell("%q is there and was not sent", path)
		}
	}
	return text
}

// plant makes a random tree of about so many files and bytes. Most files are small.
func plant(r *rand.Rand, dir string, files int, most int64) error {
	folder := dir
	for i := range files {
		switch r.IntN(6) {
		case 0:
			folder = filepath.Join(folder, fmt.Sprintf("folder %d", i))
		case 1:
			folder = dir
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		size := int64(r.IntN(8 << 10))
		if r.IntN(12) == 0 {
			size = r.Int64N(most + 1)
		}
		if err := plantFile(r, filepath.Join(folder, fmt.Sprintf("file %d-ä", i)), size); err != nil {
			return err
		}
	}
	return os.MkdirAll(dir, 0o755)
}

// plantFile makes a file of random bytes, with a time and mode of its own.
func plantFile(r *rand.Rand, path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(r.Uint32())
	}
	_, err = io.CopyN(file, rand.NewChaCha8(seed), size)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(path, []fs.FileMode{0o644, 0o600, 0o755}[r.IntN(3)])
	}
	if err == nil {
		when := time.Unix(1e9+r.Int64N(7e8), r.Int64N(1e9))
		err = os.Chtimes(path, when, when)
	}
	return err
}
