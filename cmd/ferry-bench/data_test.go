package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestDataIsTheSameEachTime(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if _, err := makeData(smallData, options{files: 1000}, link{}, filepath.Join(dir, name)); err != nil {
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

// The older version lacks what was inserted and begins otherwise; all else is there.
func TestOlderVersion(t *testing.T) {
	dir := t.TempDir()
	// A slow link does not make it smaller.
	set, err := makeData(editedData, options{size: 5 << 20}, link{rate: 1_000_000}, dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "older")
	size, err := set.writeOlder(path)
	if want := int64(set.bytes) - insertions*insertedEach; err != nil || size != want {
		t.Fatalf("%d bytes, want %d: %v", size, want, err)
	}
	now, err := os.ReadFile(filepath.Join(set.path, set.file))
	if err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(older[:newStart], now[:newStart]) || !bytes.Equal(older[len(older)-300<<10:], now[len(now)-insertedEach-300<<10:len(now)-insertedEach]) {
		t.Error("it is not the version before")
	}
}
