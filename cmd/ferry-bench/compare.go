package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

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
