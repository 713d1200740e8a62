package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// dataKind is what is delivered.
type dataKind string

const (
	largeData dataKind = "large" // one file
	smallData dataKind = "small" // many small files
	// editedData is one file, of which writeOlder makes the version before.
	editedData dataKind = "edited"
)

// Small files are like those of a source tree: log-normal sizes around a few
// KiB with a tail, in folders of some hundred.
const (
	smallMedian    = 3 << 10 // bytes
	smallMean      = 6 << 10 // bytes, about
	smallSigma     = 1.2     // of the logarithm
	smallMax       = 1 << 20 // bytes; cuts a tail of one file in a million
	filesPerFolder = 200
)

// linkTime is how many seconds the data of one run may take on an emulated link
// at its full rate: more says nothing new, and takes a day.
const linkTime = 10

// seed makes the data of every run the same.
var seed = [32]byte([]byte("ferry-bench, the same each time."))

// dataset is a folder that is to be moved as a whole.
type dataset struct {
	title string
	path  string
	file  string // its only file, "" if there are more
	bytes byteSize
	files int
}

// makeData makes one set below dir, as large as o says or as l can carry.
func makeData(kind dataKind, o options, l link, dir string) (set dataset, err error) {
	size, files := o.size, o.files
	if l.rate > 0 && kind != editedData { // of that little has to cross
		size = min(size, byteSize(l.rate/8*linkTime))
		files = min(files, max(1, int(l.rate/8*linkTime/smallMean)))
	}
	set.path = filepath.Join(dir, string(kind))
	bits := rand.NewChaCha8(seed)
	if kind != smallData {
		set.file, set.bytes, set.files = "file", size, 1
		set.title = "one file of " + size.String()
		return set, writeFile(filepath.Join(set.path, set.file), bits, int64(size))
	}
	random := rand.New(bits)
	for i := range files {
		size := int64(min(smallMedian*math.Exp(smallSigma*random.NormFloat64()), smallMax))
		path := filepath.Join(set.path, fmt.Sprintf("folder-%05d", i/filesPerFolder), fmt.Sprintf("file-%07d", i))
		if err := writeFile(path, bits, size); err != nil {
			return set, err
		}
		set.bytes += byteSize(size)
	}
	set.files = files
	set.title = fmt.Sprintf("%d files of %s in all, median %d KiB", files, set.bytes, smallMedian>>10)
	return set, nil
}

const (
	newStart     = 1 << 20 // bytes
	insertions   = 10
	insertedEach = 1000 // bytes
)

// writeOlder writes the version of a file before its first bytes were replaced and others
// were inserted in ten places. It returns how many bytes that has.
func (set dataset) writeOlder(path string) (size int64, err error) {
	f, err := os.Open(filepath.Join(set.path, set.file))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	other := rand.NewChaCha8([32]byte{1})
	parts := []io.Reader{io.LimitReader(other, min(newStart, int64(set.bytes)))}
	for i := range int64(insertions) {
		from := newStart + i*(int64(set.bytes)-newStart)/insertions
		to := newStart + (i+1)*(int64(set.bytes)-newStart)/insertions - insertedEach
		parts = append(parts, io.NewSectionReader(f, from, max(to-from, 0)))
	}
	return writeAll(path, io.MultiReader(parts...))
}

// writeFile makes a file of size bytes, and the folders above it.
func writeFile(path string, from io.Reader, size int64) error {
	n, err := writeAll(path, io.LimitReader(from, size))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// writeAll makes a file of all that from gives, and the folders above it.
func writeAll(path string, from io.Reader) (size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	size, err = io.Copy(f, from)
	return size, errors.Join(err, f.Close())
}

// compare returns an error unless the folder dst holds a copy of src under its
// own name and nothing else.
func compare(src, dst string) error {
	want, err := digests(filepath.Dir(src), filepath.Base(src))
	if err != nil {
		return err
	}
	got, err := digests(dst, ".")
	if err != nil {
		return err
	}
	for name, d := range want {
		if got[name] != d {
			return fmt.Errorf("%s did not come as it is", name)
		}
	}
	for name := range got {
		if want[name] == "" {
			return fmt.Errorf("%s came and is no copy of anything", name)
		}
	}
	return nil
}

// compareBuffer is small, since the memory of this process hides the peak of
// those that it starts, see peakOf.
const compareBuffer = 64 << 10

// digests returns the SHA-256 of name, if it is a file, or of what is below it, by
// the paths from dir. A folder has another word in its place.
func digests(dir, name string) (map[string]string, error) {
	all := make(map[string]string)
	buf := make([]byte, compareBuffer)
	root := os.DirFS(dir)
	return all, fs.WalkDir(root, name, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || path == ".":
			return err
		case d.IsDir():
			all[path] = "folder"
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is no regular file", path)
		}
		f, err := root.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		_, err = io.CopyBuffer(h, struct{ io.Reader }{f}, buf)
		all[path] = string(h.Sum(nil))
		return err
	})
}
