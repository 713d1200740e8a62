package dest

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

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
	must(t, f.Close())
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
