package dest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// refuse has the volume of f refuse what has one of these traits, by the probes of those.
func refuse(t *testing.T, rules *nameRules, probes ...string) {
	t.Helper()
	for _, probe := range probes {
		i := slices.IndexFunc(traits[:], func(t trait) bool { return t.probe == probe })
		if i < 0 {
			t.Fatalf("nothing is tried by %q", probe)
		}
		rules.asked[i], rules.bad[i] = true, true
	}
}

// An item keeps its name where that is held, and else has the same other one each time.
func TestFit(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{EscapeNames: true})
	names := &fitter{f.nodes}
	fit := func(name, want string) {
		t.Helper()
		got, err := names.Fit(fileEntry(name, 1))
		if err != nil || got != want {
			t.Errorf("%q is stored as %q, %v; want %q", name, got, err, want)
		}
	}
	if os.PathSeparator == '/' {
		for _, name := range []string{"plain", "a:b", "aux.d", "x.", "a%3Ab"} {
			fit(name, name)
		}
	}
	refuse(t, &f.root().vol.rules, "x:x", "aux")
	for range 2 {
		fit("a:b", "a%3Ab")
		fit("a%3Ab", "a%3Ab")
		fit("a:b?", "a%3Ab%3F")
		fit("aux.d", "au%78.d")
	}
	if os.PathSeparator == '/' {
		fit("a?", "a?")
	}
	f.root().vol.rules.longest = 40
	fit(strings.Repeat("n", 50)+".txt", strings.Repeat("n", 18)+"%~"+"8200d860c17de7d9"+".txt")
	for _, name := range []string{"", "..", "a/b", tree.PartialName, ".Ferry-Partial-1:", "x\x00:"} {
		_, err := names.Fit(fileEntry(name, 1))
		wantKind(t, err, storage.Name)
	}
	f.root().vol.rules.longest = 3
	_, err := names.Fit(fileEntry("a:b:c", 1))
	wantKind(t, err, storage.Name)
	finish(t, f)
	wantNames(t, dir)
}

// source is a folder of a source that a test makes up: a storage.SourceFolder.
type source struct {
	items map[string]*source // nil is a file
	mtime tree.Time
	out   string // what the rules leave out, by its path
}

func (s *source) Look() (storage.FolderLook, error) {
	look := storage.FolderLook{MTime: s.mtime}
	for _, name := range slices.Sorted(maps.Keys(s.items)) {
		kind, _ := s.Find(name)
		look.Names = append(look.Names, tree.DirName{Name: name, Kind: kind})
	}
	return look, nil
}

func (s *source) Find(name string) (tree.Kind, error) {
	switch below, there := s.items[name]; {
	case !there:
		return 0, nil
	case below == nil:
		return tree.File, nil
	}
	return tree.Folder, nil
}

func (s *source) Delivers() bool                             { return true }
func (s *source) LeavesOut(rel string, _ bool) (bool, error) { return rel == s.out, nil }
func (s *source) Child(name string) storage.SourceFolder     { return s.items[name] }

// An item that stands under its escaped name is one that the source has. What no source has
// goes, escaped or not, and so does an escaped name where the item has its own.
func TestPruneOfEscapedNames(t *testing.T) {
	dir := t.TempDir()
	const top = "to%3Ap"
	for _, path := range []string{"a%3Ab", "own%3Ax", "stale%3A", "stale", "kept%3A.log", "lo%25%3A%3Fst", "real%3Fx", "au%78.d/in%3A", "au%78.d/gone%3A", "old%3A/a%3Ab", top + "/x%3A", top + "/y%3A"} {
		at := filepath.Join(dir, filepath.FromSlash(path))
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		must(t, os.WriteFile(at, nil, 0o644))
	}
	mtime := func(path string) tree.Time {
		info, err := os.Stat(filepath.Join(dir, path))
		must(t, err)
		return tree.Time{Sec: info.ModTime().Unix(), Nsec: uint32(info.ModTime().Nanosecond())}
	}
	contents := &source{out: "kept:.log", items: map[string]*source{
		"a:b": nil, "own%3Ax": nil, "lo%:?st": nil, "real?x": nil,
		"aux.d": {mtime: mtime("au%78.d"), items: map[string]*source{"in:": nil}},
	}}
	named := &source{items: map[string]*source{"x:": nil}}
	want := []string{"au%78.d/gone%3A", "old%3A", "old%3A/a%3Ab", "stale", "stale%3A", top + "/y%3A"}
	if os.PathSeparator == '/' {
		want = append(want, "real%3Fx") // the item is real?x there
	}
	slices.Sort(want)
	for _, rehearses := range []bool{true, false} {
		var gone []string
		p := &storage.Prune{
			Mirror: storage.Mirror{Max: 100},
			Sources: []storage.PruneSource{
				{Folder: func() storage.SourceFolder { return contents }},
				{Name: "to:p", Folder: func() storage.SourceFolder { return named }},
			},
			Removed: func(path string, _ tree.Info) { gone = append(gone, path) },
			Failed:  func(path string, err error) { t.Errorf("%s: %v", path, err) },
			Left:    func(string) {},
		}
		prune := func(d interface{ storage.Pruner }) {
			t.Helper()
			must(t, d.Prune(t.Context(), p))
			slices.Sort(gone)
			if !slices.Equal(gone, want) {
				t.Errorf("rehearsed %v: %q went, want %q", rehearses, gone, want)
			}
		}
		if rehearses {
			r, err := Rehearse(dir, Options{EscapeNames: true})
			must(t, err)
			refuse(t, r.rulesIn(r.root), "x:x", "aux")
			prune(r)
			must(t, r.Close())
			continue
		}
		f := open(t, dir, Options{EscapeNames: true})
		for i := range traits {
			f.root().vol.rules.asked[i] = true
		}
		refuse(t, &f.root().vol.rules, "x:x", "aux")
		finish(t, f)
		prune(f)
	}
	left := []string{"a%3Ab", "au%78.d", "kept%3A.log", "lo%25%3A%3Fst", "own%3Ax", top}
	if os.PathSeparator != '/' {
		left = slices.Insert(left, 5, "real%3Fx")
	}
	wantNames(t, dir, left...)
}

// A dry run goes by what is known without asking, and by what is there.
func TestRehearsalFits(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "there%3A"), nil, 0o644))
	r, err := Rehearse(dir, Options{EscapeNames: true})
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	rules := r.rulesIn(r.root)
	for i := range traits {
		rules.asked[i], rules.bad[i] = false, false
	}
	refuse(t, rules, "x?x")
	for name, want := range map[string]string{"there:": "there%3A", "new?": "new%3F", "plain": "plain"} {
		if got, err := r.Fit(fileEntry(name, 1)); err != nil || got != want {
			t.Errorf("%q would be stored as %q, %v", name, got, err)
		}
	}
	if got, err := r.Fit(fileEntry("new:", 1)); err != nil || got != "new:" && os.PathSeparator == '/' {
		t.Errorf("nothing is known, and it would be %q, %v", got, err)
	}
	_, err = r.Fit(fileEntry("..", 1))
	wantKind(t, err, storage.Name)
}
