package main

import (
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
type dataKind int

const (
	largeData dataKind = iota // one file
	smallData                 // many small files
	mixedData                 // a real tree
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
// at its full rate: what is more says nothing new, and takes a day.
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
	set := dataset{path: filepath.Join(dir, [...]string{"large", "small", "mixed"}[kind])}
	err := os.Mkdir(set.path, 0o777)
	if err != nil {
		return set, err
	}
	switch kind {
	case largeData:
		set.file, set.bytes, set.files = "file", size, 1
		set.title = "one file of " + size.String()
		err = writeRandom(filepath.Join(set.path, set.file), int64(size), rand.NewChaCha8(seed))
	case smallData:
		set.files = files
		set.bytes, err = makeSmall(set.path, files)
		set.title = fmt.Sprintf("%d files of %s in all, median %d KiB", files, set.bytes.String(), smallMedian>>10)
	case mixedData:
		set.bytes, set.files, err = makeMixed(set.path, o.tree, size, files)
		set.title = fmt.Sprintf("a tree of %d files of %s in all", set.files, set.bytes.String())
	}
	if err != nil {
		return set, fmt.Errorf("making %s: %w", filepath.Base(set.path), err)
	}
	return set, nil
}

// makeSmall makes n files below dir and returns their bytes.
func makeSmall(dir string, n int) (byteSize, error) {
	bits := rand.NewChaCha8(seed)
	random := rand.New(bits)
	var total byteSize
	for i := range n {
		folder := filepath.Join(dir, fmt.Sprintf("folder-%05d", i/filesPerFolder))
		if i%filesPerFolder == 0 {
			if err := os.MkdirAll(folder, 0o777); err != nil {
				return 0, err
			}
		}
		size := int64(min(smallMedian*math.Exp(smallSigma*random.NormFloat64()), smallMax))
		if err := writeRandom(filepath.Join(folder, fmt.Sprintf("file-%07d", i)), size, bits); err != nil {
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
		if err != nil || d.Type()&^fs.ModeDir != 0 {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		if d.IsDir() {
			return os.MkdirAll(to, 0o777)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if files == mostFiles {
			return fs.SkipAll
		}
		if total+byteSize(info.Size()) > most {
			return nil
		}
		if err := copyFile(to, path, info.Mode().Perm()|0o600); err != nil {
			return err
		}
		total += byteSize(info.Size())
		files++
		return nil
	})
	if err == nil && files == 0 {
		err = fmt.Errorf("%s has no file that fits", from)
	}
	return total, files, err
}

func copyFile(to, from string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// writeRandom makes a file that no tool can shrink or find elsewhere.
func writeRandom(path string, size int64, random io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, random, size)
	return errors.Join(err, f.Close())
}
