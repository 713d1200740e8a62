package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDataIsTheSameEachTime(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if _, err := makeSmall(filepath.Join(dir, name, "small"), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := compare(filepath.Join(dir, "a", "small"), filepath.Join(dir, "b")); err != nil {
		t.Error(err)
	}
	sizes, err := filepath.Glob(filepath.Join(dir, "a", "small", "*", "*"))
	if err != nil || len(sizes) != 1000 {
		t.Fatalf("%d files, %v", len(sizes), err)
	}
	below := 0
	for _, path := range sizes {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() < smallMedian {
			below++
		}
	}
	if below < 450 || below > 550 {
		t.Errorf("%d of 1000 files are below the median", below)
	}
}

// The mixed tree stays within both limits, and has neither links nor anything
// that a tool could not read.
func TestMixedTree(t *testing.T) {
	from := t.TempDir()
	for name, size := range map[string]int{"a": 10, "b/c": 1000, "b/d": 20, "e": 30} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		most  byteSize
		files int
		bytes byteSize
		count int
	}{
		{5000, 10, 1060, 4}, {500, 10, 60, 3}, {5000, 2, 1010, 2},
	} {
		to := t.TempDir()
		bytes, count, err := makeMixed(to, from, c.most, c.files)
		if err != nil || bytes != c.bytes || count != c.count {
			t.Errorf("at most %d bytes and %d files: %d and %d, %v", c.most, c.files, bytes, count, err)
		}
		if _, err := os.Lstat(filepath.Join(to, "link")); err == nil {
			t.Error("a link was copied")
		}
	}
	if _, _, err := makeMixed(t.TempDir(), from, 5, 10); err == nil {
		t.Error("an empty tree was taken")
	}
}

func TestDataFitsTheLink(t *testing.T) {
	o := options{size: 1 << 30, files: 100_000}
	l := link{rate: 1_000_000}
	for kind, most := range map[dataKind]byteSize{largeData: 1_250_000, smallData: 2 * 1_250_000} {
		set, err := makeData(kind, o, l, t.TempDir())
		if err != nil || set.bytes > most || set.bytes < most/10 {
			t.Errorf("%s: %d bytes, %v", set.title, set.bytes, err)
		}
	}
}
