package storagetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Place is where a Destination keeps things. The suite opens it again and again, and looks
// at it and changes it from beside.
type Place interface {
	// Open begins a delivery, or rehearses one. Granted is for its Start.
	Open(t testing.TB, o Options) storage.Destination
	// Has says what the place is known for.
	Has() Traits
	// List is what stands there by slash path, without what is ferry's own.
	List(t testing.TB) map[string]Item
	// Put places an item, in the place of what is there, and Remove takes one away with
	// all that is in it: as somebody else would.
	Put(t testing.TB, path string, item Item)
	Remove(t testing.TB, path string)
	// Lasting is what a power cut would leave; nil where nobody knows.
	Lasting(t testing.TB) map[string]Item
}

// Options are for one delivery.
type Options struct {
	NoSync bool // nothing is to be made durable
}

// Traits say what a place can keep, so that the suite asks for no more.
type Traits struct {
	Rehearses bool // what is opened is a rehearsal
	Modes     bool // permission bits; without them, that they are lost may be told
	Links     bool // symbolic links
	HardLinks bool // and items have identities, by Item.Ino
	FIFOs     bool
	Folds     bool // names that differ in case are one
	Holds     bool // what a delivery has open keeps its name
	Bare      bool // a folder that holds something has no metadata of its own
	Forgets   bool // what is left of another version of a file is no basis
	// Run is how many chunks are kept together for the next delivery, from a multiple of it on,
	// if more than 1. Of a file that fits in one run nothing is kept, nor is it locked.
	Run int
	// Unkept is metadata that the place, granted Granted, cannot keep: the Attr is lost.
	// Nil: it keeps all.
	Unkept  *tree.Extra
	Granted tree.Metadata
	Lost    tree.Attr
}

// Item is something at a place.
type Item struct {
	Kind   tree.Kind // as tree.Entry.Kind
	Mode   uint32
	MTime  tree.Time
	Data   []byte // of a file
	Target string // of a symbolic link
	Ino    uint64 // tells items apart, if not 0; Put does not look at it
}

// Destination runs the suite. Fresh makes an empty place for one test.
func Destination(t *testing.T, fresh func(t *testing.T) Place) {
	for _, group := range []map[string]func(*testing.T, *bench){lookTests, folderTests, linkTests, fileTests, partialTests, publishTests, endTests} {
		for _, name := range slices.Sorted(maps.Keys(group)) {
			t.Run(name, func(t *testing.T) { group[name](t, newBench(t, fresh(t))) })
		}
	}
}

// bench is what one test works with.
type bench struct {
	Place
	Traits
	t *testing.T
}

func newBench(t *testing.T, p Place) *bench {
	b := &bench{p, p.Has(), t}
	b.Run = max(b.Run, 1)
	return b
}

// delivery is a Destination at work.
type delivery struct {
	storage.Finder
	storage.Maker
	to *storage.Landing
	d  storage.Destination
	b  *bench
	// before is what stood there: a rehearsal leaves it.
	before map[string]Item
}

// begin opens the place for a delivery that is granted nothing.
func (b *bench) begin() *delivery { return b.beginWith(Options{}, tree.Metadata{}) }

func (b *bench) beginWith(o Options, granted tree.Metadata) *delivery {
	b.t.Helper()
	d := b.Open(b.t, o)
	b.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			b.t.Errorf("Close: %v", err)
		}
	})
	l, err := d.Start(granted)
	b.must(err)
	if l.Finder == nil || l.Maker == nil || (l.Files == nil) != b.Rehearses || (l.Estimate != nil) != b.Rehearses {
		b.t.Fatalf("Start handed out %+v", l)
	}
	if (l.Keeps.HardLinks || l.Keeps.Devices) && l.Special == nil {
		b.t.Fatal("Start keeps what takes a Special, and hands out none")
	}
	return &delivery{l.Finder, l.Maker, l, d, b, b.List(b.t)}
}

// delivers skips a test that writes content, for a rehearsal.
func (b *bench) delivers() {
	b.t.Helper()
	if b.Rehearses {
		b.t.Skip("a rehearsal takes no content")
	}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// kind checks that err is of a Kind.
func (b *bench) kind(err error, want storage.Kind) {
	b.t.Helper()
	var e *storage.Error
	if !errors.As(err, &e) || e.Kind != want {
		b.t.Errorf("the error is %v, want one of the kind %q", err, want)
	}
}

func (b *bench) absent(err error) {
	b.t.Helper()
	if !errors.Is(err, fs.ErrNotExist) {
		b.t.Errorf("the error is %v, want fs.ErrNotExist", err)
	}
}

// stands checks what is at path. After a rehearsal that is what was there before.
func (d *delivery) stands(path string, want Item) {
	d.b.t.Helper()
	if d.b.Rehearses {
		d.untouched()
		return
	}
	d.b.stands(path, want)
}

func (b *bench) stands(path string, want Item) {
	b.t.Helper()
	got, there := b.List(b.t)[path]
	if !there {
		b.t.Errorf("nothing stands at %q", path)
		return
	}
	if why := b.differ(got, want); why != "" {
		b.t.Errorf("at %q %s", path, why)
	}
}

// differ says in what two items differ, as far as the place keeps it.
func (b *bench) differ(got, want Item) string {
	switch {
	case got.Kind != want.Kind:
		return "is a " + got.Kind.String() + ", want a " + want.Kind.String()
	case !bytes.Equal(got.Data, want.Data):
		return "is other content"
	case got.Target != want.Target:
		return "is a link to " + got.Target
	case b.Bare && want.Kind == tree.Folder:
		return ""
	case want.MTime != (tree.Time{}) && got.MTime != want.MTime:
		return "the mtime is " + got.MTime.Std().String() + ", want " + want.MTime.Std().String()
	case b.Modes && got.Kind != tree.Symlink && got.Mode != want.Mode && want.Mode != 0:
		return "the mode is another one"
	}
	return ""
}

// lost is what was lost that is to be kept here.
func (b *bench) lost(all []tree.Loss) []tree.Loss {
	if b.Modes {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(l tree.Loss) bool { return l.What == tree.AttrMode })
}

// gone checks that nothing is at path, or that a rehearsal left it.
func (d *delivery) gone(path string) {
	d.b.t.Helper()
	if d.b.Rehearses {
		d.untouched()
		return
	}
	if _, there := d.b.List(d.b.t)[path]; there {
		d.b.t.Errorf("something stands at %q", path)
	}
}

// untouched checks that all is as it was when the delivery began.
func (d *delivery) untouched() {
	d.b.t.Helper()
	now := d.b.List(d.b.t)
	same := func(a, b Item) bool { return d.b.differ(a, b) == "" && a.Ino == b.Ino && a.Mode == b.Mode }
	if !maps.EqualFunc(now, d.before, same) {
		d.b.t.Errorf("%d items were there, and %d are now, or others", len(d.before), len(now))
	}
}

// finish ends the delivery well.
func (d *delivery) finish() storage.Report {
	d.b.t.Helper()
	r, err := d.d.Finish()
	if err != nil {
		d.b.t.Errorf("Finish: %v", err)
	}
	if d.b.Rehearses {
		d.untouched()
	}
	return r
}

const chunk = checksum.ChunkSize

// sizes are around the borders of chunks.
var sizes = []int{0, 1, 4096, chunk - 1, chunk, chunk + 1, 2*chunk + 17}

var (
	someTime  = tree.Time{Sec: 1_500_000_000, Nsec: 123_456_700}
	otherTime = tree.Time{Sec: 1_400_000_000}
)

// fileOf is the entry of a file at the top.
func fileOf(name string, size int) *tree.Entry {
	return &tree.Entry{ID: idOf(name), Kind: tree.File, Name: name, Mode: 0o640, MTime: someTime, Size: int64(size)}
}

func folderOf(id, parent uint64, name string) *tree.Entry {
	return &tree.Entry{ID: id, Parent: parent, Kind: tree.Folder, Name: name, Mode: 0o750, MTime: someTime}
}

func linkOf(name, target string) *tree.Entry {
	return &tree.Entry{ID: idOf(name), Kind: tree.Symlink, Name: name, Target: target, MTime: someTime}
}

// idOf is an id that other names do not get.
func idOf(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	id := uint64(1 << 32)
	for _, b := range sum[:7] {
		id = id<<8 | uint64(b)
	}
	return id | 1<<40
}

// itemOf is what a published file looks like.
func itemOf(e *tree.Entry, data []byte) Item {
	return Item{Kind: tree.File, Mode: e.Mode, MTime: e.MTime, Data: data}
}

// content is n bytes that differ by seed and by chunk.
func content(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed, 1}).Read(b)
	return b
}

func chunkOf(b []byte, index uint64) []byte {
	at := int(index) * chunk
	return b[at:min(at+chunk, len(b))]
}

func cvOf(b []byte, index uint64) checksum.CV { return checksum.NewNode(b, index).CV() }
