package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Small files are like those of a source tree: log-normal sizes around a few
// KiB with a tail, in folders of some hundred.
const (
	smallMedian    = 3 << 10 // bytes
	smallSigma     = 1.2     // of the logarithm
	smallMax       = 1 << 20 // bytes; cuts a tail of one file in a million
	filesPerFolder = 200
	maxFiles       = 10_000_000
)

// seed makes the data of every run the same.
var seed = [32]byte([]byte("ferry-bench, the same each time."))

// dataset is a folder that is to be moved as a whole.
type dataset struct {
	title string
	path  string
	bytes byteSize
}

// makeData makes the sets that o asks for below dir.
func makeData(o options, dir string) ([]dataset, error) {
	var sets []dataset
	if o.size > 0 {
		set := dataset{title: "one file of " + o.size.String(), path: filepath.Join(dir, "large"), bytes: o.size}
		if err := makeLarge(set); err != nil {
			return nil, fmt.Errorf("making %s: %w", set.title, err)
		}
		sets = append(sets, set)
	}
	if o.files > 0 {
		set := dataset{path: filepath.Join(dir, "small")}
		total, err := makeSmall(set.path, o.files)
		if err != nil {
			return nil, fmt.Errorf("making %d small files: %w", o.files, err)
		}
		set.bytes = total
		set.title = fmt.Sprintf("%d files of %s in all, median %d KiB", o.files, total.String(), smallMedian>>10)
		sets = append(sets, set)
	}
	return sets, nil
}

func makeLarge(set dataset) error {
	if err := os.MkdirAll(set.path, 0o777); err != nil {
		return err
	}
	return writeRandom(filepath.Join(set.path, "file"), int64(set.bytes), rand.NewChaCha8(seed))
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

// writeRandom makes a file that no tool can shrink or find elsewhere.
func writeRandom(path string, size int64, random io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, random, size)
	return errors.Join(err, f.Close())
}

// compare returns an error unless the folder dst holds a copy of src under its
// own name and nothing else, byte by byte.
func compare(src, dst string) error {
	got := filepath.Join(dst, filepath.Base(src))
	others, err := os.ReadDir(dst)
	if err != nil {
		return err
	}
	if len(others) != 1 {
		return fmt.Errorf("%d items are where one was to come", len(others))
	}
	return compareFolder(src, got)
}

// compareBuffer is small, since the memory of this process hides the peak of
// those that it starts, see peakOf.
const compareBuffer = 64 << 10

func compareFolder(want, got string) error {
	var buf [2][compareBuffer]byte
	expected := make(map[string]bool)
	err := filepath.WalkDir(want, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		expected[rel] = true
		if d.IsDir() {
			return nil
		}
		return compareFile(path, filepath.Join(got, rel), &buf)
	})
	if err != nil {
		return err
	}
	return filepath.WalkDir(got, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(got, path)
		if err == nil && !expected[rel] {
			err = fmt.Errorf("%s is no copy of anything", path)
		}
		return err
	})
}

func compareFile(want, got string, buf *[2][compareBuffer]byte) error {
	a, err := os.Open(want)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(got)
	if err != nil {
		return err
	}
	defer b.Close()
	info, err := b.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", got)
	}
	for {
		n, aerr := io.ReadFull(a, buf[0][:])
		m, berr := io.ReadFull(b, buf[1][:])
		switch {
		case !bytes.Equal(buf[0][:n], buf[1][:m]):
			return fmt.Errorf("%s differs from %s", got, want)
		case ended(aerr) && ended(berr):
			return nil
		case aerr != nil || berr != nil:
			return errors.Join(aerr, berr)
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }
