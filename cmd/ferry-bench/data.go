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
	"os/exec"
	"path/filepath"
	"strings"
)

// dataKind is what is delivered.
type dataKind string

const (
	largeData dataKind = "large" // one file
	smallData dataKind = "small" // many small files
	mixedData dataKind = "mixed" // a real tree
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
func makeData(kind dataKind, o options, l link, dir string) (dataset, error) {
	size, files := o.size, o.files
	if l.rate > 0 {
		size = min(size, byteSize(l.rate/8*linkTime))
		files = min(files, max(1, int(l.rate/8*linkTime/smallMean)))
	}
	set := dataset{path: filepath.Join(dir, string(kind))}
	var err error
	switch kind {
	case largeData:
		set.file, set.bytes, set.files = "file", size, 1
		set.title = "one file of " + size.String()
		err = writeFile(filepath.Join(set.path, set.file), 0o666, io.LimitReader(rand.NewChaCha8(seed), int64(size)))
	case smallData:
		set.bytes, err = makeSmall(set.path, files)
		set.files = files
		set.title = fmt.Sprintf("%d files of %s in all, median %d KiB", files, set.bytes, smallMedian>>10)
	case mixedData:
		set.bytes, set.files, err = makeMixed(set.path, o.tree, size, files)
		set.title = fmt.Sprintf("a tree of %d files of %s in all", set.files, set.bytes)
	}
	if err != nil {
		return set, fmt.Errorf("making %s: %w", kind, err)
	}
	return set, nil
}

// makeSmall makes n files below dir and returns their bytes.
func makeSmall(dir string, n int) (total byteSize, err error) {
	bits := rand.NewChaCha8(seed)
	random := rand.New(bits)
	for i := range n {
		size := int64(min(smallMedian*math.Exp(smallSigma*random.NormFloat64()), smallMax))
		path := filepath.Join(dir, fmt.Sprintf("folder-%05d", i/filesPerFolder), fmt.Sprintf("file-%07d", i))
		if err := writeFile(path, 0o666, io.LimitReader(bits, size)); err != nil {
			return 0, err
		}
		total += byteSize(size)
	}
	return total, nil
}

// makeMixed copies the regular files of the tree from, in the order of the walk,
// for as long as neither limit is reached. Links are left out, since the tools
// differ in what they make of them.
func makeMixed(dir, from string, most byteSize, mostFiles int) (total byteSize, files int, err error) {
	if from == "" {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return 0, 0, fmt.Errorf("looking for the distribution of Go: %w", err)
		}
		from = strings.TrimSpace(string(out))
	}
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil || total+byteSize(info.Size()) > most:
			return err
		case files == mostFiles:
			return fs.SkipAll
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		total += byteSize(info.Size())
		files++
		return writeFile(filepath.Join(dir, strings.TrimPrefix(path, from)), info.Mode().Perm()|0o600, in)
	})
	if err == nil && files == 0 {
		err = fmt.Errorf("%s has no file that fits", from)
	}
	return total, files, err
}

// writeFile makes a file and the folders above it.
func writeFile(path string, mode fs.FileMode, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
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
		if g, came := got[name]; !came || g != d {
			return fmt.Errorf("%s did not come as it is", name)
		}
		delete(got, name)
	}
	for name := range got {
		return fmt.Errorf("%s came and is no copy of anything", name)
	}
	return nil
}

// compareBuffer is small, since the memory of this process hides the peak of
// those that it starts, see peakOf.
const compareBuffer = 64 << 10

// digests returns the SHA-256 of name, if it is a file, or of what is below it, by
// the paths from dir. That of a folder is not one of any file.
func digests(dir, name string) (map[string][sha256.Size]byte, error) {
	all := make(map[string][sha256.Size]byte)
	buf := make([]byte, compareBuffer)
	root := os.DirFS(dir)
	return all, fs.WalkDir(root, name, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || path == ".":
			return err
		case d.IsDir():
			all[path] = [sha256.Size]byte{}
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
		all[path] = [sha256.Size]byte(h.Sum(nil))
		return err
	})
}
