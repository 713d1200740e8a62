package dest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
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
	if err != nil || info.Mode().Perm() != 0 {
		t.Errorf("published with mode %v, %v", info.Mode(), err)
	}
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
	for n := range len(good) + 1 {
		want := max(n-hintHeader, 0) / cvLen
		try(fmt.Sprint("cut to ", n), good[:n], func(c map[uint64]checksum.CV) bool { return len(c) == want })
	}
	for n := range hintHeader * 8 {
		flipped := slices.Clone(good)
		flipped[n/8] ^= 1 << (n % 8)
		try(fmt.Sprint("header bit ", n), flipped, func(c map[uint64]checksum.CV) bool { return len(c) == 0 })
	}
	for n := hintHeader; n < len(good); n++ {
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

// What stands in the way of the tree or the part is not followed or used.
func TestObstaclesInState(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for what, put := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink(outside, path) },
		"folder":    func(path string) error { return os.Mkdir(path, 0o700) },
		"hard link": func(path string) error { return os.Link(outside, path) },
		"nothing":   func(string) error { return nil },
		"shorter":   func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"longer":    func(path string) error { return os.WriteFile(path, make([]byte, 9*chunk), 0o600) },
	} {
		for _, which := range []string{partSuffix, treeSuffix} {
			t.Run(what+which, func(t *testing.T) {
				must(t, os.WriteFile(outside, []byte("outside"), 0o600))
				dir := t.TempDir()
				b := content(2*chunk+1, 1)
				e := fileEntry("big", len(b))
				part, hint := interrupt(t, dir, e, b, all)
				path := map[string]string{partSuffix: part, treeSuffix: hint}[which]
				must(t, os.Remove(path))
				must(t, put(path))
				f := open(t, dir, Options{})
				resume(t, f, e, b)
				finish(t, f)
				same(t, filepath.Join(dir, "big"), b, e)
				holds(t, outside, []byte("outside"))
				wantNames(t, dir, "big")
			})
		}
	}
}

// What has the name of the state folder and is no private folder of this user is
// left as it is, and another name serves.
func TestStateFolderMustBePrivate(t *testing.T) {
	outside := t.TempDir()
	for what, put := range map[string]func(path string) error{
		"file": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"link": func(path string) error { return os.Symlink(outside, path) },
		"shared": func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Mkdir(filepath.Join(path, "x"), 0o700), os.Chmod(path, 0o770))
		},
		"foreign": func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 65534, 65534)) },
	} {
		t.Run(what, func(t *testing.T) {
			if what == "foreign" && os.Getuid() != 0 {
				t.Skip("only root can give a folder away")
			}
			if ownStateName() == "" {
				t.Skip("no numbers of users here")
			}
			dir := t.TempDir()
			taken := []string{tree.PartialName, ownStateName()}
			before := make(map[string]os.FileInfo)
			for used := range 3 { // the first name, the second, one that nobody foresees
				for _, name := range taken[:used] {
					if before[name] == nil {
						path := filepath.Join(dir, name)
						must(t, put(path))
						var err error
						before[name], err = os.Lstat(path)
						must(t, err)
					}
				}
				b := content(3*chunk, 1)
				e := fileEntry("big", len(b))
				f := open(t, dir, Options{})
				p, err := f.Begin(e)
				must(t, err)
				fill(t, p, b, func(i uint64) bool { return i < 2 })
				must(t, p.Discard(true))
				must(t, f.Close())

				f = open(t, dir, Options{})
				if left, err := f.leftovers(); err != nil || len(left) != 2 || strings.HasPrefix(left[0].Path, tree.PartialName+"/") != (used == 0) {
					t.Errorf("leftovers are %v, %v", left, err)
				}
				if p, err = f.Begin(e); err != nil || len(claimsOf(p)) != 2 {
					t.Fatalf("nothing is found again: %v", err)
				}
				fill(t, p, b, func(i uint64) bool { return i == 2 })
				must(t, p.Seal(e, e.Size, checksum.Sum(b)))
				publish(t, f, &storage.Publication{Partial: p, Entry: e, Replace: true})
				finish(t, f)
				same(t, filepath.Join(dir, "big"), b, e)
				wantNames(t, dir, append(slices.Clone(taken[:used]), "big")...)
				for _, name := range taken[:used] {
					after, err := os.Lstat(filepath.Join(dir, name))
					must(t, err)
					if before[name].Mode() != after.Mode() || !os.SameFile(before[name], after) {
						t.Errorf("%s was %v, is %v", name, before[name].Mode(), after.Mode())
					}
				}
			}
			wantNames(t, outside)
		})
	}
}

// A delivery that had to use its own name is gone on with when the first name is
// free again.
func TestStateFolderFoundAgain(t *testing.T) {
	if ownStateName() == "" {
		t.Skip("no numbers of users here")
	}
	dir := t.TempDir()
	foreign := filepath.Join(dir, tree.PartialName)
	must(t, os.WriteFile(foreign, nil, 0o600))
	b := content(3*chunk, 1)
	interrupt(t, dir, fileEntry("big", len(b)), b, all)
	must(t, os.Remove(foreign))
	f := open(t, dir, Options{})
	p, err := f.Begin(fileEntry("big", len(b)))
	must(t, err)
	if n := len(claimsOf(p)); n != 3 {
		t.Errorf("%d chunks are found again", n)
	}
	must(t, p.Discard(false))
	finish(t, f)
	wantNames(t, dir)
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

// Two deliveries into one folder: the one that ends first takes the state
// folder away while the other still goes on.
func TestStateFolderRemovedByAnother(t *testing.T) {
	dir := t.TempDir()
	f, g := open(t, dir, Options{}), open(t, dir, Options{})
	f.root().vol.noUnnamed.Store(true)
	for i := range 3 {
		publish(t, f, sealed(t, f, fileEntry(fmt.Sprint("f", i), 3), []byte("abc")))
		b := content(chunk+1, 1)
		publish(t, g, sealed(t, g, fileEntry(fmt.Sprint("g", i), len(b)), b))
		finish(t, g)
		wantNames(t, dir, append(slices.Collect(func(yield func(string) bool) {
			for j := range i + 1 {
				yield(fmt.Sprint("f", j))
			}
		}), slices.Collect(func(yield func(string) bool) {
			for j := range i + 1 {
				yield(fmt.Sprint("g", j))
			}
		})...)...)
	}
}

func TestCopyChunk(t *testing.T) {
	dir := t.TempDir()
	old := content(3*chunk+100, 1)
	must(t, os.WriteFile(filepath.Join(dir, "x"), old, 0o600))
	f := open(t, dir, Options{})
	e := fileEntry("x", 4*chunk)
	file, err := f.Open(e)
	must(t, err)
	defer file.Close()
	if info := file.Info(); info.Size != int64(len(old)) {
		t.Errorf("size of the basis is %d", info.Size)
	}
	p, err := f.Begin(e)
	must(t, err)
	buf := make([]byte, chunk)
	for _, i := range []uint64{2, 0, 1} {
		must(t, p.CopyChunk(file, i, chunk))
		n, err := p.ReadChunk(i, buf)
		must(t, err)
		if string(buf[:n]) != string(chunkOf(old, i)) {
			t.Errorf("chunk %d differs", i)
		}
		p.Mark(i, cvOf(buf[:n], i))
	}
	if err := p.CopyChunk(file, 3, chunk); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("copying past the end of the basis: %v", err)
	}
	last := content(chunk, 2)
	must(t, p.WriteChunk(3, last, cvOf(last, 3)))
	want := append(slices.Clone(old[:3*chunk]), last...)
	must(t, copyBytes(p.body.file, file, 0, chunk)) // the way of other systems
	must(t, p.Seal(e, int64(len(want)), checksum.Sum(want)))
	pub := &storage.Publication{Partial: p, Entry: e, Replace: true}
	publish(t, f, pub)
	same(t, filepath.Join(dir, "x"), want, e)
}

func TestHolesReplaceOldBytes(t *testing.T) {
	dir := t.TempDir()
	b := content(4*chunk, 1)
	e := fileEntry("x", len(b))
	interrupt(t, dir, e, b, all)
	f := open(t, dir, Options{})
	p, err := f.Begin(e)
	must(t, err)
	zeros := make([]byte, chunk)
	must(t, p.WriteHole(1, chunk, cvOf(zeros, 1)))
	must(t, p.WriteHole(3, chunk, cvOf(zeros, 3)))
	copy(b[chunk:], zeros)
	copy(b[3*chunk:], zeros)
	must(t, p.Seal(e, int64(len(b)), checksum.Sum(b)))
	publish(t, f, &storage.Publication{Partial: p, Entry: e})
	same(t, filepath.Join(dir, "x"), b, e)
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
	if info, err := tree.Fstat(file); err != nil || info.Allocated < 0 || info.Allocated > 1<<20 {
		t.Skipf("no holes here: %v", err)
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
