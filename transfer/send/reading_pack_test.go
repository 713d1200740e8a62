package send

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// packer is a delivery that reads packs.
type packer struct {
	t     *testing.T
	r     *reader
	share *share
	sent  []frame // on stream 0
}

func newPacker(t *testing.T, from *Reading, choice transfer.Compression) *packer {
	p := &packer{t: t, share: newShare(from)}
	press, err := compress.New("nowhere", framing.CapZstd, choice, false)
	if err != nil {
		t.Fatal(err)
	}
	track := progress.New(nil)
	out := &fakeStream{sent: func(ty framing.Type, body []byte) { p.sent = append(p.sent, frame{ty, body}) }}
	terms := newTerms(&Options{})
	terms.settle(framing.Accept{})
	book := newTestBook(t)
	p.r = &reader{
		bufs: newBuffers(t.Context(), 0, from), wants: newWants(track), book: book, press: press, track: track,
		attempts: &attempts{out: out, book: book, terms: terms, promise: new(promise), track: track},
	}
	return p
}

// walk returns the entries of the files of a folder.
func (p *packer) walk(dir string) (entries []*entry) {
	p.t.Helper()
	dirs := tree.NewDirs(4)
	p.t.Cleanup(func() { _ = dirs.Close() })
	w := tree.Walk{Dirs: dirs, Sources: []tree.Source{{Path: dir, Contents: true}}}
	if err := w.Run(p.t.Context(), func(it *tree.Item) error {
		if it.Kind == tree.File {
			e := &entry{item: it, most: it.Size}
			p.r.book.announce(e)
			entries = append(entries, e)
		}
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return entries
}

// pack fills a job with those entries.
func (p *packer) pack(entries []*entry) *packJob {
	p.t.Helper()
	j := &packJob{entries: entries, pool: p.r.bufs.pool, share: p.share, track: p.r.track, ready: make(chan struct{})}
	j.Owner = j
	if err := p.r.fill(p.t.Context(), j); err != nil {
		p.t.Fatal(err)
	}
	return j
}

func writeFiles(t *testing.T, dir string, files, size int) {
	t.Helper()
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), pattern(size+i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A pack is read once for those who began before that and want the same files. Others read
// for themselves.
func TestPacksAreReadOnce(t *testing.T) {
	for _, choice := range []transfer.Compression{transfer.CompressNever, transfer.CompressAlways} {
		t.Run(fmt.Sprint(choice), func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, 3, 40_000)
			from := NewReading(1 << 20)
			one, two := newPacker(t, from, choice), newPacker(t, from, choice)
			files, same := one.walk(dir), two.walk(dir)
			first := one.pack(files)
			if want := choice == transfer.CompressAlways; (first.Encoding == framing.EncodingZstd) != want {
				t.Fatalf("compressed: %v, want %v", !want, want)
			}
			for i := range files {
				if err := os.Remove(filepath.Join(dir, fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			second := two.pack(same)
			if len(second.entries) != 3 || second.Size != first.Size || second.Encoding != first.Encoding || &second.Data[0] != &first.Data[0] {
				t.Errorf("the second delivery reads %d files for itself", len(second.entries))
			}
			for i, e := range same {
				if !e.hashed || e.root != files[i].root || e.length != e.item.Size {
					t.Errorf("file %d: the second delivery has no digest, or another one", i)
				}
			}
			some := newPacker(t, from, choice)
			some.share.begun = two.share.begun
			if j := some.pack(same[:2]); len(j.entries) != 0 {
				t.Error("who wants other files gets them all")
			}
			first.Free()
			second.Free()
			third := newPacker(t, from, choice)
			if j := third.pack(same); len(j.entries) != 0 {
				t.Errorf("who began later gets %d files that were read before", len(j.entries))
			}
			if at := &from.packs; at.held > at.most || at.idle.Len() != 0 && choice == transfer.CompressNever || from.chunks.held > 0 {
				t.Errorf("%d portions of %d bytes are kept, which nobody may use", at.idle.Len(), at.held)
			}
		})
	}
}

// The numbers of entries are in a pack: a delivery that numbers the same files otherwise,
// since one came before them, gets no pack of another.
func TestPackOfOtherNumbersIsNotShared(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, 3, 100)
	from := NewReading(1 << 20)
	one, two := newPacker(t, from, transfer.CompressNever), newPacker(t, from, transfer.CompressNever)
	files := one.walk(dir)
	if err := os.WriteFile(filepath.Join(dir, "!"), pattern(7), 0o600); err != nil {
		t.Fatal(err)
	}
	same := two.walk(dir)[1:]
	one.pack(files)
	j, i := two.pack(same), 0
	for m, err := range framing.ParsePack(j.Data) {
		if err != nil {
			t.Fatal(err)
		}
		if e := same[i]; m.ID != e.item.ID || !bytes.Equal(m.Data, pattern(100+i)) {
			t.Errorf("%s, which is entry %d, goes as entry %d", e.item.Display, e.item.ID, m.ID)
		}
		i++
	}
	if i != len(same) {
		t.Errorf("%d files in the pack, want %d", i, len(same))
	}
}

// A file that changed since it was announced is in no pack that others get.
func TestPackOfAChangedFileIsNotShared(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, 3, 100)
	from := NewReading(1 << 20)
	one, two := newPacker(t, from, transfer.CompressNever), newPacker(t, from, transfer.CompressNever)
	files, same := one.walk(dir), two.walk(dir)
	if err := os.WriteFile(filepath.Join(dir, "1"), pattern(7), 0o600); err != nil {
		t.Fatal(err)
	}
	if j := one.pack(files); len(j.entries) != 2 {
		t.Errorf("%d files in the pack, want 2", len(j.entries))
	}
	writeFiles(t, dir, 1, 100) // another inode time: read anew, and not as announced either
	if err := os.Remove(filepath.Join(dir, "2")); err != nil {
		t.Fatal(err)
	}
	if j := two.pack(same); len(j.entries) > 1 {
		t.Errorf("%d files in the pack of the other, which reads for itself", len(j.entries))
	}
	// Another version of the first file begins another pack.
	three := newPacker(t, from, transfer.CompressNever)
	if j := three.pack(three.walk(dir)); len(j.entries) != 2 || !bytes.Contains(j.Data, pattern(100)) {
		t.Errorf("%d files in the pack of a delivery that sees them as they are, want 2", len(j.entries))
	}
}

// A bundle is closed by its files or bytes, and what is larger than a pack takes is in none.
func TestBundles(t *testing.T) {
	var b bundler
	add := func(size int64) *bundle {
		e := &entry{item: &tree.Item{Entry: tree.Entry{Kind: tree.File, Size: size}}}
		b.add(e)
		return e.bundle
	}
	first := add(0)
	for range packFiles - 1 {
		if add(1) != first {
			t.Fatal("a bundle ends early")
		}
	}
	if add(flow.PackLimit+1) != nil || first.whole(packFiles) {
		t.Error("a large file is in a bundle, or ends one")
	}
	second := add(flow.PackLimit)
	if second == first || !first.whole(packFiles) || first.whole(packFiles-1) {
		t.Error("a full bundle goes on, or is not whole")
	}
	for range packBytes/flow.PackLimit - 1 {
		add(flow.PackLimit)
	}
	if second.whole(3) {
		t.Error("a bundle is whole while more may come")
	}
	b.close()
	if !second.whole(packBytes / flow.PackLimit) {
		t.Error("the last bundle is not whole at the end")
	}
}
