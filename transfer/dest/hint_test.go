package dest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ferry/checksum"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// Whatever happened to the tree file, the content that is published is right,
// and no claim is made beyond the file.
func TestDamagedHint(t *testing.T) {
	dir := t.TempDir()
	b := content(3*chunk+1, 1)
	e := fileEntry("big", len(b))
	part, hint := interrupt(t, dir, e, b, all)
	good, err := os.ReadFile(hint)
	must(t, err)
	if len(good) != hintHeader+4*cvLen {
		t.Fatalf("the tree has %d bytes", len(good))
	}
	goodPart, err := os.ReadFile(part)
	must(t, err)
	truth := make(map[uint64]checksum.CV)
	for i := range uint64(4) {
		truth[i] = cvOf(chunkOf(b, i), i)
	}
	try := func(name string, damaged []byte, check func(claims map[uint64]checksum.CV) bool) {
		must(t, os.WriteFile(hint, damaged, 0o600))
		f, err := start(dir, Options{}, tree.Metadata{})
		must(t, err)
		p, err := f.Begin(e)
		must(t, err)
		if c := claimsOf(p); !check(c) {
			t.Errorf("%s: %d claims", name, len(c))
		}
		must(t, p.Discard(true))
		must(t, f.Close())
	}
	step := 1
	if treetest.Wine() { // a call takes ten times as long
		step = 11
	}
	for n := 0; n <= len(good); n += step {
		want := max(n-hintHeader, 0) / cvLen
		try(fmt.Sprint("cut to ", n), good[:n], func(c map[uint64]checksum.CV) bool { return len(c) == want })
	}
	for n := 0; n < hintHeader*8; n += step {
		flipped := slices.Clone(good)
		flipped[n/8] ^= 1 << (n % 8)
		try(fmt.Sprint("header bit ", n), flipped, func(c map[uint64]checksum.CV) bool { return len(c) == 0 })
	}
	for n := hintHeader; n < len(good); n += step {
		flipped := slices.Clone(good)
		flipped[n] ^= 0xff
		try(fmt.Sprint("byte ", n), flipped, func(c map[uint64]checksum.CV) bool {
			c[uint64(n-hintHeader)/uint64(cvLen)] = truth[uint64(n-hintHeader)/uint64(cvLen)]
			return maps.Equal(c, truth)
		})
	}
	tail := append(slices.Clone(good), content(1000, 2)...)
	try("garbage behind", tail, func(c map[uint64]checksum.CV) bool { return maps.Equal(c, truth) })
	other := *e
	other.Size++
	foreign := append(appendHeader(&other), good[hintHeader:]...)
	try("of another size", foreign, func(c map[uint64]checksum.CV) bool { return len(c) < 4 })
	if now, err := os.ReadFile(part); err != nil || string(now) != string(goodPart) {
		t.Error("the part was changed")
	}
}

// A tree that is nothing but a hole of terabytes, with one claim behind it, costs no
// more than the claim; and whoever does not wait any more need not.
func TestHugeHint(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "tree"))
	must(t, err)
	defer file.Close()
	e := fileEntry("x", 1)
	e.Size = 1 << 60
	const far = 1 << 36
	if err := file.Truncate(far*int64(cvLen) + 1<<20); err != nil {
		t.Skipf("no such large files here: %v", err)
	}
	h := &hint{file: file}
	must(t, h.prepare(e, false))
	must(t, file.Truncate(far*int64(cvLen)+1<<20))
	info, err := tree.Fstat(file)
	if err != nil || info.Allocated < 0 || info.Allocated > 1<<20 {
		t.Skipf("no holes here: %v", err)
	}
	if tree.NewExtents(file, info).NextData(1<<30) == 1<<30 {
		t.Skip("the system does not tell where holes are, or ferry does not ask it")
	}
	cv := cvOf([]byte("x"), 0)
	h.set(far, cv)
	n := 0
	for i, got := range h.all(checksum.Chunks(e.Size)) {
		if i != far || got != cv {
			t.Errorf("claim %d is %x", i, got)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d claims", n)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	h.claims(over, checksum.Chunks(e.Size), func(uint64, checksum.CV) bool {
		t.Error("a claim after the end")
		return true
	})
}

func FuzzHint(f *testing.F) {
	e := fileEntry("x", 3*chunk)
	good := append(appendHeader(e), content(3*cvLen, 1)...)
	f.Add(good)
	f.Add(good[:hintHeader])
	f.Add(append([]byte("FERRYCVS"), make([]byte, 200)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		size, ok := parseHeader(b[:min(len(b), hintHeader)])
		if ok != (len(b) >= hintHeader && size >= 0 && string(b[:8]) == hintMagic &&
			checksum.Sum(b[:hintChecked]) == checksum.Digest(append(slices.Clone(b[hintChecked:hintHeader]),
				tail(b[:hintChecked])...))) {
			t.Errorf("header %x: ok is %v", b[:min(len(b), hintHeader)], ok)
		}
		file, err := os.Create(filepath.Join(t.TempDir(), "tree"))
		must(t, err)
		defer file.Close()
		_, err = file.Write(b)
		must(t, err)
		h := &hint{file: file}
		must(t, h.prepare(e, true))
		n := 0
		for i := range h.all(3) {
			if i >= 3 {
				t.Fatalf("claim %d of 3", i)
			}
			n++
		}
		if n > 0 && !ok {
			t.Errorf("%d claims under a damaged header", n)
		}
	})
}

// tail is what parseHeader does not compare of the header's BLAKE3.
func tail(checked []byte) []byte {
	d := checksum.Sum(checked)
	return d[hintHeader-hintChecked:]
}

func (h *hint) all(count uint64) func(func(uint64, checksum.CV) bool) {
	return func(yield func(uint64, checksum.CV) bool) { h.claims(context.Background(), count, yield) }
}
