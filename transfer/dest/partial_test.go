package dest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// interrupt leaves the partial of e behind, with those chunks of b that want
// selects, and returns the paths of part and tree.
func interrupt(t testing.TB, dir string, e *tree.Entry, b []byte, want func(uint64) bool) (part, hint string) {
	t.Helper()
	f, err := start(dir, Options{}, tree.Metadata{})
	must(t, err)
	p, err := f.Begin(e)
	must(t, err)
	fill(t, p, b, want)
	part = filepath.Join(dir, tree.PartialName, p.body.name)
	hint = filepath.Join(dir, tree.PartialName, p.key+treeSuffix)
	must(t, p.Discard(true))
	must(t, f.Close())
	return part, hint
}

func claimsOf(p *partial) map[uint64]checksum.CV {
	claims := make(map[uint64]checksum.CV)
	last := int64(-1)
	for i, cv := range p.Present(context.Background()) {
		if int64(i) <= last {
			panic("claims out of order")
		}
		last = int64(i)
		claims[i] = cv
	}
	return claims
}

// resume verifies the claims of p as a receiver does, writes what is missing,
// and returns how many chunks were reused.
func resume(t testing.TB, f *delivery, e *tree.Entry, b []byte) (reused int) {
	t.Helper()
	p, err := f.Begin(e)
	must(t, err)
	good := make(map[uint64]bool)
	buf := make([]byte, chunk)
	for i, cv := range claimsOf(p) {
		n, err := p.ReadChunk(i, buf)
		must(t, err)
		if cv == cvOf(buf[:n], i) && cv == cvOf(chunkOf(b, i), i) {
			good[i] = true
		}
	}
	fill(t, p, b, func(i uint64) bool { return !good[i] })
	must(t, p.Seal(e, int64(len(b)), checksum.Sum(b)))
	publish(t, f, &storage.Publication{Partial: p, Entry: e})
	return len(good)
}

func TestResume(t *testing.T) {
	dir := t.TempDir()
	b := content(5*chunk+7, 1)
	e := fileEntry("big", len(b))
	interrupt(t, dir, e, b, func(i uint64) bool { return i != 1 && i != 4 })
	f := open(t, dir, Options{VerifyDisk: true})
	if n := resume(t, f, e, b); n != 4 {
		t.Errorf("%d chunks were reused, want 4", n)
	}
	finish(t, f)
	same(t, filepath.Join(dir, "big"), b, e)
	wantNames(t, dir, "big")
}

// A run that is stopped between Seal and Publish leaves a part with the file's
// final mode and mtime.
func TestResumeAfterSeal(t *testing.T) {
	dir := t.TempDir()
	b := content(2*chunk, 1)
	e := fileEntry("big", len(b))
	e.Mode = 0
	part, _ := interrupt(t, dir, e, b, all)
	must(t, os.Chmod(part, 0))
	must(t, os.Chtimes(part, testTime.Std(), testTime.Std()))
	f := open(t, dir, Options{})
	if n := resume(t, f, e, b); n != 2 {
		t.Errorf("%d chunks were reused, want 2", n)
	}
	info, err := os.Stat(filepath.Join(dir, "big"))
	if err != nil || info.Mode().Perm() != treetest.Mode(0) {
		t.Errorf("published with mode %v, %v", info.Mode(), err)
	}
}

// A file is locked until it has its name: another delivery that came between would write to
// what is published.
func TestLockedUntilNamed(t *testing.T) {
	dir := t.TempDir()
	f, other := open(t, dir, Options{}), open(t, dir, Options{})
	b := content(2*chunk, 1)
	e := fileEntry("big", len(b))
	pub := sealed(t, f, e, b)
	p := pub.Partial.(*partial)
	err := p.body.put(func(from *tree.Dir, temp string) error {
		_, err := other.Begin(e)
		wantKind(t, err, storage.Locked)
		return from.Rename(temp, f.root().dir, e.Name, true)
	})
	must(t, err)
	same(t, filepath.Join(dir, "big"), b, e)
	must(t, p.Discard(false))
	finish(t, f)
	wantNames(t, dir, "big")
}

func TestOtherVersionIsBasis(t *testing.T) {
	for _, size := range []int{2*chunk + 5, 3 * chunk, 4*chunk + 1, 6 * chunk} {
		dir := t.TempDir()
		b := content(4*chunk+5, 1)
		interrupt(t, dir, fileEntry("big", len(b)), b, all)
		newer := content(size, 1) // the same bytes as far as they go
		e := fileEntry("big", size)
		e.MTime.Sec++
		f := open(t, dir, Options{})
		want := min(len(b), size) / chunk
		if n := resume(t, f, e, newer); n != want {
			t.Errorf("size %d: %d chunks were reused, want %d", size, n, want)
		}
		finish(t, f)
		same(t, filepath.Join(dir, "big"), newer, e)
		wantNames(t, dir, "big")
	}
}

// A file that changes while it is sent is begun again in the same run.
func TestOtherVersionInOneRun(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	b := content(3*chunk+9, 1)
	first := fileEntry("big", len(b)-5)
	p, err := f.Begin(first)
	must(t, err)
	fill(t, p, b[:len(b)-5], func(i uint64) bool { return i < 2 })
	must(t, p.Discard(true))
	e := fileEntry("big", len(b))
	e.MTime.Nsec++
	if n := resume(t, f, e, b); n != 2 {
		t.Errorf("%d chunks were reused, want 2", n)
	}
	finish(t, f)
	wantNames(t, dir, "big")
}

// The name and the version make the key: another file must not find it.
func TestOtherPathFindsNothing(t *testing.T) {
	dir := t.TempDir()
	b := content(2*chunk, 1)
	interrupt(t, dir, fileEntry("big", len(b)), b, all)
	f := open(t, dir, Options{})
	p, err := f.Begin(fileEntry("other", len(b)))
	must(t, err)
	if c := claimsOf(p); len(c) != 0 {
		t.Errorf("another file has %d claims", len(c))
	}
}

func TestPresentWhileWriting(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	p, err := f.Begin(fileEntry("x", 3*chunk))
	must(t, err)
	fill(t, p, content(3*chunk, 1), all)
	if c := claimsOf(p); len(c) != 0 {
		t.Errorf("a fresh partial claims %d chunks", len(c))
	}
}

func TestLockedInOneProcess(t *testing.T) {
	dir := t.TempDir()
	f, g := open(t, dir, Options{}), open(t, dir, Options{})
	e := fileEntry("big", 2*chunk)
	p, err := f.Begin(e)
	must(t, err)
	for _, other := range []*delivery{f, g} {
		_, err = other.Begin(e)
		wantKind(t, err, storage.Locked)
		if !errors.Is(err, storage.ErrLocked) {
			t.Errorf("error is %v", err)
		}
	}
	must(t, p.Discard(false))
	p, err = g.Begin(e)
	must(t, err)
	must(t, p.Discard(false))
}
