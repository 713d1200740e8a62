package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/filter"
)

// likeAway is a folder or file on disk as an Away: what an Away has in common with it. Vague
// items tell their times when they are looked at alone. Gone tells what is gone by then.
type likeAway struct {
	path  string
	vague bool
	gone  func(path string) bool
}

func (a likeAway) found(path string) (Found, error) {
	info, err := statPath(path, false)
	if err != nil {
		return Found{}, err
	}
	info.Dev = 0
	f := Found{Name: filepath.Base(path), Info: info}
	below := a
	below.path = path
	if info.Kind == Folder {
		f.Folder = below
		return f, nil
	}
	f.Item = below
	if a.vague {
		f.Info.MTime, f.Info.Mode = Time{}, 0
	}
	return f, nil
}

func (a likeAway) Top() (Found, error)             { return a.found(a.path) }
func (a likeAway) Stat() (Info, error)             { f, err := a.found(a.path); return f.Info, err }
func (a likeAway) Find(name string) (Found, error) { return a.found(filepath.Join(a.path, name)) }
func (a likeAway) Names() iter.Seq2[Found, error]  { return a.All() }

func (a likeAway) All() iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		entries, err := os.ReadDir(a.path)
		if err != nil {
			yield(Found{}, err)
		}
		for _, e := range entries {
			if !yield(a.found(filepath.Join(a.path, e.Name()))) {
				return
			}
		}
	}
}

func (a likeAway) Look() (wait func() (Info, error)) {
	return func() (Info, error) {
		if a.gone != nil && a.gone(a.path) {
			return Info{}, fs.ErrNotExist
		}
		return statPath(a.path, false)
	}
}

func (a likeAway) OpenStream(context.Context) (io.ReadCloser, error) { return os.Open(a.path) }

// both walks what sources say on disk and as an Away, and compares all that is told.
func both(t *testing.T, what string, s Selection, sources ...Source) {
	t.Helper()
	var told [2][]string
	for i := range told {
		from := slices.Clone(sources)
		for j := range from {
			if i == 1 {
				from[j].Away = likeAway{path: from[j].Path, vague: true}
			}
		}
		say := func(format string, args ...any) { told[i] = append(told[i], fmt.Sprintf(format, args...)) }
		items, problems := walk(t, Walk{Sources: from, Select: s,
			Excluded: func(display string, why *Exclusion) { say("without %s: %v, %v", display, why, why.Folder) },
			Admit: func(source int, kind Kind, size int64) error {
				say("source %d is a %v of %d", source, kind, size)
				return nil
			},
		})
		for _, line := range outline(t, items) {
			say("%s", line)
		}
		for _, it := range items {
			say("%+v %s %v", it.Entry, it.Display, it.passage)
			if (it.Dir == nil) != (i == 1) || it.Kind == File && (it.Away == nil) != (i == 0) {
				t.Errorf("%s: %s has the folder %v and is away as %v", what, it.Display, it.Dir, it.Away)
			}
		}
		told[i] = append(told[i], problems...)
		w := Walk{Sources: from, Select: s, Dirs: NewDirs(4)}
		nothing, err := w.SelectsNothing(t.Context())
		say("%v %v", nothing, err)
		for i := range w.Sources {
			kind, size, err := w.Look(&w.Sources[i])
			say("looks like a %v of %d, %v", kind, size, err == nil)
		}
		_ = w.Dirs.Close()
	}
	same(t, what, told[1], told[0])
}

// What is taken of an Away is what is taken of the same items on disk.
func TestAwayIsWalkedAsADisk(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		var ignore []string
		if seed%2 == 0 {
			ignore = someRules
		}
		dir, paths := grow(t, rnd, ignore)
		for _, p := range paths {
			if info, err := statPath(dir+"/"+p, false); err == nil && info.Kind == Symlink {
				if err := os.Remove(dir + "/" + p); err != nil {
					t.Fatal(err)
				}
			}
		}
		s := Selection{}
		if seed%3 != 0 {
			var patterns []string
			for range rnd.IntN(4) {
				patterns = append(patterns, someRules[rnd.IntN(len(someRules)-1)])
			}
			s.Rules, s.IgnoreFile = rulesOf(t, patterns...), filter.IgnoreFile
		}
		if seed%5 == 0 {
			most := int64(rnd.IntN(10))
			s.Sizes = SizeRange{Min: int64(rnd.IntN(3)), Max: &most}
		}
		if seed%4 == 1 {
			var list []string
			for range 1 + rnd.IntN(5) {
				list = append(list, strings.TrimSuffix(paths[rnd.IntN(len(paths))], "/"))
			}
			list = append(list, "none", list[0]+"/below", "a/none")
			s.List = listText(t, strings.Join(list, "\n"))
		}
		what := fmt.Sprintf("seed %d, %+v", seed, s)
		both(t, what, s, Source{Path: dir, Name: "n"})
		both(t, what, s, Source{Path: dir, Contents: true})
		if s.List == nil {
			both(t, what, s, Source{Path: dir, Name: "n"}, Source{Path: dir + "/a", Name: "a"}, Source{Path: dir + "/a.o", Name: "a.o"}, Source{Path: dir + "/none", Name: "none"})
		}
	}
}

// What is gone when it is looked at alone is a problem, and has no number.
func TestAwayItemsThatAreGone(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		dir, _ := grow(t, rnd, nil)
		gone := make(map[string]bool)
		a := likeAway{path: dir, gone: func(path string) bool { gone[path] = rnd.IntN(3) == 0; return gone[path] }}
		after := mkdir(t, t.TempDir())
		file(t, "", after, "f")
		items, problems := walk(t, Walk{Sources: []Source{{Path: dir, Name: "n", Away: a}, {Path: after, Name: "m"}, {Path: dir, Name: "o", Away: a}}})
		outline(t, items) // ids and nesting
		missing := 0
		for _, p := range problems {
			if strings.HasSuffix(p, ErrSpecial.Error()) || strings.HasSuffix(p, ErrReplaced.Error()) {
				continue // a link, which an Away has not
			}
			if missing++; !strings.HasSuffix(p, fs.ErrNotExist.Error()) {
				t.Error(p)
			}
		}
		if seed == 0 && missing == 0 {
			t.Error("nothing was gone")
		}
		last := items[len(items)-3]
		if items[len(items)-1].Kind != FolderEnd || last == nil {
			t.Error("the last source did not end")
		}
	}
}

// badAway is a folder in which one item cannot be one, one has the name of another, and of
// which the listing ends before its end.
type badAway struct{ likeAway }

func (a badAway) Top() (Found, error) {
	return Found{Info: Info{Kind: Folder}, Folder: a}, nil
}

var errTest = errors.New("as tested")

func (a badAway) All() iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		_ = yield(Found{Name: "/b", Err: errTest}, nil) &&
			yield(Found{Name: "a", Err: errTest}, nil) &&
			yield(Found{Name: "a", Info: Info{Kind: File}, Item: a}, nil) &&
			yield(Found{Name: PartialName, Info: Info{Kind: Folder}, Folder: a}, nil) &&
			yield(Found{}, errTest)
	}
}

func TestAwayProblems(t *testing.T) {
	dir := t.TempDir()
	file(t, "", dir, "f")
	items, problems := walk(t, Walk{Sources: []Source{{Path: "s://x", Name: "x", Away: badAway{likeAway{path: dir + "/f"}}}}})
	same(t, "items", outline(t, items), []string{"folder x", "file x/a", "end x"})
	same(t, "problems", problems, []string{"s://x//b: as tested", "s://x/a: as tested", "s://x/" + PartialName + ": " + ErrOwnState.Error(), "s://x: as tested"})
}
