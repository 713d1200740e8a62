package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

var sizes = []int{0, 1, 4096, chunk - 1, chunk, chunk + 1, 3*chunk + 17}

func TestPublishSizesUnderEveryOption(t *testing.T) {
	for _, o := range []Options{{}, {NoSync: true}, {VerifyDisk: true}, {NoSync: true, VerifyDisk: true}} {
		for _, batched := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v/batched=%v", o, batched), func(t *testing.T) {
				dir := t.TempDir()
				f := open(t, dir, o)
				var batch []*storage.Publication
				var contents [][]byte
				add := func(name string, n int) {
					b := content(n, uint64(n))
					batch = append(batch, sealed(t, f, fileEntry(name, n), b))
					contents = append(contents, b)
				}
				for _, n := range sizes {
					add(fmt.Sprint(n), n)
				}
				for i := range fewFiles {
					add(fmt.Sprint("more", i), 100+i)
				}
				if batched {
					publish(t, f, batch...)
				} else {
					for _, pub := range batch {
						publish(t, f, pub)
					}
				}
				finish(t, f)
				if got := names(t, dir); len(got) != len(batch) {
					t.Errorf("destination holds %q", got)
				}
				for i, pub := range batch {
					same(t, filepath.Join(dir, pub.Entry.Name), contents[i], pub.Entry)
				}
			})
		}
	}
}

// Where there are no files without names, and where handles are short, small
// files take other ways to the same end.
func TestPublishOtherWays(t *testing.T) {
	for _, o := range []Options{{}, {VerifyDisk: true}} {
		for way, arrange := range map[string]func(*delivery){
			"named":   func(f *delivery) { f.root().vol.noUnnamed.Store(true) },
			"crowded": func(f *delivery) { f.work.budget = 3 },
			"fsyncs":  func(f *delivery) { f.root().vol.sync.trusted = false },
			"nolocks": func(f *delivery) { f.root().vol.noLocks.Store(true) },
		} {
			t.Run(fmt.Sprintf("%s/%+v", way, o), func(t *testing.T) {
				dir := t.TempDir()
				f := open(t, dir, o)
				arrange(f)
				var batch []*storage.Publication
				for i := range 20 {
					e := fileEntry(fmt.Sprint(i), i)
					e.Mode = 0o400
					batch = append(batch, sealed(t, f, e, content(i, uint64(i))))
				}
				big := content(2*chunk+1, 9)
				batch = append(batch, sealed(t, f, fileEntry("big", len(big)), big))
				publish(t, f, batch...)
				// Once more, over what is there now.
				e := fileEntry("7", 2)
				again := sealed(t, f, e, []byte("go"))
				again.Replace = true
				publish(t, f, again)
				finish(t, f)
				if got := names(t, dir); len(got) != len(batch) {
					t.Errorf("destination holds %q", got)
				}
				for i, pub := range batch[:20] {
					if i != 7 {
						same(t, filepath.Join(dir, pub.Entry.Name), content(i, uint64(i)), pub.Entry)
					}
				}
				same(t, filepath.Join(dir, "7"), []byte("go"), e)
				holds(t, filepath.Join(dir, "big"), big)
				if n := f.work.handles.Load(); n != 0 {
					t.Errorf("%d handles are still counted", n)
				}
			})
		}
	}
}

func TestStreams(t *testing.T) {
	dir := t.TempDir()
	for _, n := range sizes {
		for _, holes := range []bool{false, true} {
			f := open(t, dir, Options{})
			e := fileEntry(fmt.Sprint(n, holes), -1)
			e.Kind = tree.Stream
			b := content(n, 5)
			p, err := f.Begin(e)
			must(t, err)
			// Chunks come in any order, and from several workers.
			var wg sync.WaitGroup
			for i := range uint64((n + chunk - 1) / chunk) {
				c := chunkOf(b, i)
				wg.Go(func() {
					if holes && i%2 == 1 {
						clear(c)
						if err := p.WriteHole(i, len(c), cvOf(c, i)); err != nil {
							t.Errorf("WriteHole: %v", err)
						}
					} else if err := p.WriteChunk(i, c, cvOf(c, i)); err != nil {
						t.Errorf("WriteChunk: %v", err)
					}
				})
			}
			wg.Wait()
			must(t, seal(p, e, int64(n)))
			publish(t, f, &storage.Publication{Partial: p, Entry: e})
			finish(t, f)
			same(t, filepath.Join(dir, e.Name), b, e)
		}
	}
}

// Workers make folders and files, and publish, all at the same time.
func TestManyWorkers(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	f.work.budget = 20
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 5 {
				folder := folderEntry(uint64(w*100+i+1), 0, fmt.Sprint(w, "-", i))
				if _, err := f.MakeFolder(folder); err != nil {
					t.Error(err)
					return
				}
				var batch []*storage.Publication
				for j := range 12 {
					e := fileEntry(fmt.Sprint(j), 10)
					if j == 11 {
						e.Size = chunk + 1
					}
					e.Parent = folder.ID
					p, err := f.Begin(e)
					if err == nil && j < 11 {
						err = put(p, content(10, 1))
					} else if err == nil {
						b := content(chunk+1, 1)
						err = errors.Join(p.WriteChunk(1, chunkOf(b, 1), cvOf(chunkOf(b, 1), 1)),
							p.WriteChunk(0, chunkOf(b, 0), cvOf(chunkOf(b, 0), 0)))
					}
					if err = errors.Join(err, seal(p, e, e.Size)); err != nil {
						t.Error(err)
						return
					}
					batch = append(batch, &storage.Publication{Partial: p, Entry: e})
				}
				if err := errors.Join(f.Publish(batch), batch[0].Err, batch[11].Err, only(f.FinishFolder(folder))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	finish(t, f)
	if got := names(t, dir); len(got) != 40 {
		t.Errorf("%d folders", len(got))
	}
	for _, folder := range names(t, dir) {
		for j := range 11 {
			holds(t, filepath.Join(dir, folder, fmt.Sprint(j)), content(10, 1))
		}
		holds(t, filepath.Join(dir, folder, "11"), content(chunk+1, 1))
	}
}

func TestDiscardedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	for _, unnamed := range []bool{true, false} {
		f.root().vol.noUnnamed.Store(!unnamed)
		for _, size := range []int{-1, 5, 2 * chunk} {
			e := fileEntry("x", size)
			p, err := f.Begin(e)
			must(t, err)
			must(t, p.WriteHole(0, max(min(size, chunk), 5), [32]byte{1}))
			must(t, p.Discard(false))
			must(t, p.Discard(false))
			if err := p.WriteHole(0, max(min(size, chunk), 5), [32]byte{1}); err == nil {
				t.Error("a discarded partial takes writes")
			}
		}
	}
	must(t, f.Close())
	wantNames(t, dir)
}

func TestReplaceRules(t *testing.T) {
	newContent := []byte("new")
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte("outside"), 0o600))
	there := map[string]func(path string) error{
		"file":    func(path string) error { return os.WriteFile(path, []byte("old"), 0o444) },
		"link":    func(path string) error { return os.Symlink(outside, path) },
		"folder":  func(path string) error { return os.Mkdir(path, 0o700) },
		"nothing": func(string) error { return nil },
	}
	want := map[string]map[bool]storage.Kind{ // by replace; 0: published
		"file":    {false: storage.Conflict, true: 0},
		"link":    {false: storage.Conflict, true: 0},
		"folder":  {false: storage.Conflict, true: storage.OtherKind},
		"nothing": {false: 0, true: 0},
	}
	for what, put := range there {
		for _, replace := range []bool{false, true} {
			for _, size := range []int{len(newContent), chunk + 1} {
				for _, named := range []bool{false, true} {
					t.Run(fmt.Sprint(what, "/replace=", replace, "/size=", size, "/named=", named), func(t *testing.T) {
						dir := t.TempDir()
						path := filepath.Join(dir, "x")
						must(t, put(path))
						before, _ := os.Lstat(path)
						f := open(t, dir, Options{})
						f.root().vol.noUnnamed.Store(named)
						b := content(size, 8)
						e := fileEntry("x", size)
						pub := sealed(t, f, e, b)
						pub.Replace = replace
						must(t, f.Publish([]*storage.Publication{pub}))
						if kind := want[what][replace]; kind != 0 {
							wantKind(t, pub.Err, kind)
							must(t, pub.Partial.Discard(false))
							after, err := os.Lstat(path)
							if err != nil || !os.SameFile(before, after) {
								t.Errorf("what stood there is gone: %v", err)
							}
						} else {
							must(t, pub.Err)
							same(t, path, b, e)
						}
						finish(t, f)
						wantNames(t, dir, "x")
						holds(t, outside, []byte("outside"))
					})
				}
			}
		}
	}
}

func TestReplaceOnlyWhatWasSeen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	f := open(t, dir, Options{})
	e := fileEntry("x", 3)
	seen, err := f.Stat(e)
	must(t, err)
	must(t, os.WriteFile(path, []byte("user's newer work"), 0o600))
	pub := sealed(t, f, e, []byte("new"))
	pub.Replace, pub.Expect = true, &seen
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.Conflict)
	if !errors.Is(pub.Err, storage.ErrChanged) {
		t.Errorf("error is %v", pub.Err)
	}
	holds(t, path, []byte("user's newer work"))

	seen, err = f.Stat(e)
	must(t, err)
	pub.Expect = &seen
	publish(t, f, pub) // the same partial, now that the user has agreed
	holds(t, path, []byte("new"))
}

// The names of one file are replaced one after another: what happens to the first
// is no change of the others by somebody else.
func TestReplaceEachNameOfOneFile(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o600))
	names := []string{"a", "b", "c"}
	seen := make(map[string]tree.Info)
	for _, name := range names {
		if name != "a" {
			must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, name)))
		}
	}
	for _, name := range names {
		info, err := f.Stat(fileEntry(name, 3))
		must(t, err)
		seen[name] = info
	}
	must(t, os.Chtimes(filepath.Join(dir, "c"), time.Unix(1, 0), time.Unix(1, 0))) // as an entry that only gets new metadata
	for _, name := range names {
		pub := sealed(t, f, fileEntry(name, 3), []byte("n-"+name))
		expect := seen[name]
		pub.Replace, pub.Expect = true, &expect
		publish(t, f, pub)
		holds(t, filepath.Join(dir, name), []byte("n-"+name))
	}

	must(t, os.WriteFile(filepath.Join(dir, "d"), []byte("old"), 0o600))
	must(t, os.Link(filepath.Join(dir, "d"), filepath.Join(dir, "e")))
	info, err := f.Stat(fileEntry("e", 3))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "d"), []byte("somebody's"), 0o600))
	pub := sealed(t, f, fileEntry("e", 3), []byte("new"))
	pub.Replace, pub.Expect = true, &info
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.Conflict)
}

func TestRenameTakesFreeNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "a (1).txt", "b"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(dir, "a (2).txt"), 0o700))
	f := open(t, dir, Options{})
	for name, want := range map[string]string{"a.txt": "a (3).txt", "b": "b (1)", "c": ""} {
		for _, size := range []int{10, chunk + 1} {
			pub := sealed(t, f, fileEntry(name, size), content(size, 1))
			pub.Rename = true
			must(t, f.Publish([]*storage.Publication{pub}))
			must(t, pub.Err)
			if pub.Name != want {
				t.Errorf("%q was published as %q, want %q", name, pub.Name, want)
			}
			took := want
			if took == "" {
				took = name
			}
			holds(t, filepath.Join(dir, took), content(size, 1))
			must(t, os.Remove(filepath.Join(dir, took)))
		}
	}
	wantNames(t, dir, tree.PartialName, "a (1).txt", "a (2).txt", "a.txt", "b")
}

func TestAlternative(t *testing.T) {
	long := strings.Repeat("ä", 127) + "x" // 255 bytes
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"photo.jpg", 1, "photo (1).jpg"},
		{"archive", 2, "archive (2)"},
		{".profile", 1, ".profile (1)"},
		{"a.b.c", 10, "a.b (10).c"},
		{"x.", 1, "x (1)."},
		{long, 1, strings.Repeat("ä", 125) + " (1)"},
		{strings.Repeat("a", 251) + ".txt", 12, strings.Repeat("a", 246) + " (12).txt"},
		{"a." + strings.Repeat("b", 253), 1, "a." + strings.Repeat("b", 249) + " (1)"},
		{strings.Repeat("\x80", 255), 1, strings.Repeat("\x80", 247) + " (1)"},
	} {
		got := storage.Alternative(c.name, c.n)
		if got != c.want || len(got) > tree.MaxName {
			t.Errorf("storage.Alternative(%q, %d) is %q, want %q", c.name, c.n, got, c.want)
		}
	}
}

func TestWritesOutsideTheFile(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	for _, size := range []int{0, 5, chunk, 2*chunk + 5, -1} {
		p, err := f.Begin(fileEntry("x", size))
		must(t, err)
		chunks := uint64((size + chunk - 1) / chunk)
		bad := []struct {
			index uint64
			n     int
		}{{1 << 43, 1}, {1<<64 - 1, 1}, {1 << 44, 1}, {0, chunk + 1}}
		if size >= 0 {
			bad = append(bad, []struct {
				index uint64
				n     int
			}{{chunks, 1}, {chunks + 1, chunk}, {max(chunks, 1) - 1, size%chunk + 1}, {0, 3}}...)
		}
		for _, c := range bad {
			if err := p.WriteChunk(c.index, make([]byte, c.n), [32]byte{1}); err == nil {
				t.Errorf("size %d: WriteChunk(%d) of %d bytes was taken", size, c.index, c.n)
			}
			if err := p.WriteHole(c.index, c.n, [32]byte{1}); err == nil {
				t.Errorf("size %d: WriteHole(%d) of %d bytes was taken", size, c.index, c.n)
			}
		}
		must(t, p.Discard(false))
	}
	p, err := f.Begin(fileEntry("x", 5))
	must(t, err)
	if err := put(p, []byte("four")); err == nil {
		t.Error("Write of another size was taken")
	}
	if err := put(p, []byte("fives")); err == nil {
		t.Error("a later success cleared the first error")
	}
	if err := seal(p, fileEntry("x", 5), 5); err == nil {
		t.Error("a broken partial was sealed")
	}
	must(t, p.Discard(true))
}

func TestPublishRefusesTheUnsealed(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	e := fileEntry("x", 1)
	p, err := f.Begin(e)
	must(t, err)
	must(t, put(p, []byte("x")))
	pub := &storage.Publication{Partial: p, Entry: e}
	_ = f.Publish([]*storage.Publication{pub})
	if pub.Err == nil {
		t.Error("an unsealed partial was published")
	}
	must(t, seal(p, e, 1))
	if err := put(p, []byte("y")); err == nil {
		t.Error("a sealed partial takes writes")
	}
	must(t, p.Discard(false))
	_ = f.Publish([]*storage.Publication{pub})
	if pub.Err == nil {
		t.Error("a discarded partial was published")
	}
	wantNames(t, dir)
}

func TestVerifyDiskFindsOtherBytes(t *testing.T) {
	for _, size := range []int{10, chunk + 1} {
		dir := t.TempDir()
		f := open(t, dir, Options{VerifyDisk: true})
		e := fileEntry("x", size)
		p, err := f.Begin(e)
		must(t, err)
		fill(t, p, content(size, 1), all)
		must(t, p.Seal(e, int64(size), [32]byte{1, 2, 3})) // as if the disk had changed the bytes
		pub := &storage.Publication{Partial: p, Entry: e}
		must(t, f.Publish([]*storage.Publication{pub}))
		wantKind(t, pub.Err, storage.Mismatch)
		must(t, p.Discard(true))
		finish(t, f)
		wantNames(t, dir) // nor is there anything to go on from
	}
}
