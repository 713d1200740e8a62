package dest

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		os.Exit(runChild(name))
	}
	goleak.VerifyTestMain(m)
}

const chunk = checksum.ChunkSize

var testTime = tree.Time{Sec: 1_500_000_000, Nsec: 123_456_789}

// delivery is a Folder with what Start hands out, as the tests use it.
type delivery struct {
	*Folder
	storage.Finder
	storage.Maker
	storage.Special
	storage.Twins
}

// start opens path and starts a delivery.
func start(path string, o Options, granted tree.Metadata) (*delivery, error) {
	f, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	return started(f, granted)
}

func started(f *Folder, granted tree.Metadata) (*delivery, error) {
	l, err := f.Start(granted)
	if err != nil {
		return nil, err
	}
	return &delivery{f, l.Finder, l.Maker, l.Special, l.Twins}, nil
}

func (f *delivery) root() *node { return f.nodes.root }

func (f *delivery) Begin(e *tree.Entry) (*partial, error) { return f.files.begin(e, false) }

func (f *delivery) Publish(batch []*storage.Publication) error { return f.files.Publish(batch) }

// finished is Finish for tests that look at nothing but its error.
func (f *delivery) finished() error {
	_, err := f.Finish()
	return err
}

func open(t testing.TB, path string, o Options) *delivery {
	t.Helper()
	return granting(t, path, o, tree.Metadata{})
}

func granting(t testing.TB, path string, o Options, granted tree.Metadata) *delivery {
	t.Helper()
	f, err := start(path, o, granted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return f
}

// put writes all of a file of one chunk or less.
func put(p *partial, b []byte) error { return p.WriteChunk(0, b, checksum.CV{}) }

// seal seals what was written, with its digest.
func seal(p *partial, e *tree.Entry, size int64) error {
	h, buf := checksum.NewHasher(), make([]byte, chunk)
	for i := range checksum.Chunks(size) {
		n, err := p.ReadChunk(i, buf)
		if err != nil {
			break // Seal says why, or fills up with zeros
		}
		h.Write(buf[:n])
	}
	return p.Seal(e, size, h.Sum())
}

// only drops the Outcome of a call, of which its error is looked at.
func only(_ storage.Outcome, err error) error { return err }

func fileEntry(name string, size int) *tree.Entry {
	return &tree.Entry{Kind: tree.File, Name: name, Mode: 0o640, MTime: testTime, Size: int64(size)}
}

func folderEntry(id, parent uint64, name string) *tree.Entry {
	return &tree.Entry{ID: id, Parent: parent, Kind: tree.Folder, Name: name, Mode: 0o755, MTime: testTime}
}

// content is n bytes that differ by seed and by chunk.
func content(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	r.Read(b)
	return b
}

func cvOf(b []byte, index uint64) checksum.CV { return checksum.NewNode(b, index).CV() }

func chunkOf(b []byte, index uint64) []byte {
	at := int(index) * chunk
	return b[at:min(at+chunk, len(b))]
}

// fill writes those chunks of b that want selects.
func fill(t testing.TB, p *partial, b []byte, want func(index uint64) bool) {
	t.Helper()
	for i := range checksum.Chunks(int64(len(b))) {
		if want(i) {
			if err := p.WriteChunk(i, chunkOf(b, i), cvOf(chunkOf(b, i), i)); err != nil {
				t.Fatalf("WriteChunk %d: %v", i, err)
			}
		}
	}
}

func all(uint64) bool { return true }

// sealed begins e, writes b and seals it.
func sealed(t testing.TB, f *delivery, e *tree.Entry, b []byte) *storage.Publication {
	t.Helper()
	p, err := f.Begin(e)
	if err != nil {
		t.Fatalf("Begin %q: %v", e.Name, err)
	}
	if len(b) <= chunk {
		err = put(p, b)
	} else {
		fill(t, p, b, all)
	}
	if err == nil {
		err = p.Seal(e, int64(len(b)), checksum.Sum(b))
	}
	if err != nil {
		t.Fatalf("writing %q: %v", e.Name, err)
	}
	return &storage.Publication{Partial: p, Entry: e}
}

func publish(t testing.TB, f *delivery, batch ...*storage.Publication) {
	t.Helper()
	if err := f.Publish(batch); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	for _, pub := range batch {
		if pub.Err != nil {
			t.Fatalf("publishing %q: %v", pub.Entry.Name, pub.Err)
		}
	}
}

func finish(t testing.TB, f *delivery) {
	t.Helper()
	if err := f.finished(); err != nil {
		t.Fatalf("Finish: %v", err)
	}
}

// same checks that path holds b as a regular file with e's metadata.
func same(t testing.TB, path string, b []byte, e *tree.Entry) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm() != treetest.Mode(fs.FileMode(e.Mode)) || timeOf(info.ModTime()) != kept(e.MTime) {
		t.Errorf("%q: mode %v, mtime %v; want %#o, %v", path, info.Mode(), info.ModTime(), e.Mode, e.MTime.Std())
	}
	holds(t, path, b)
}

func holds(t testing.TB, path string, b []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b) {
		t.Errorf("%q: %d bytes differ from the %d sent", path, len(got), len(b))
	}
}

// names lists dir, the state folder included.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func stateNames(t testing.TB, dir string) []string {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(dir, tree.PartialName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return names(t, filepath.Join(dir, tree.PartialName))
}

func wantKind(t testing.TB, err error, kind storage.Kind) {
	t.Helper()
	if storage.KindOf(err) != kind {
		t.Errorf("error is %v, want one of kind %q", err, kind)
	}
}

func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Only a file system that is known is taken at its word on the time of a change.
func TestUnchanged(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	must(t, os.WriteFile(filepath.Join(dir, "x"), []byte("abc"), 0o600))
	e := fileEntry("x", 3)
	before, err := f.Stat(e)
	must(t, err)
	later, longer := before, before
	later.CTime.Sec++
	longer.Size++
	for _, doubtful := range []bool{false, true} {
		f.root().vol.doubtful = doubtful
		if !f.Unchanged(e, before, before) || f.Unchanged(e, longer, before) || f.Unchanged(e, later, before) != doubtful {
			t.Errorf("doubtful %v: another answer", doubtful)
		}
	}
}

// kept is what the file system keeps of t.
func kept(t tree.Time) tree.Time { return timeOf(treetest.Time(t.Std())) }

func timeOf(t time.Time) tree.Time { return tree.Time{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())} }
