package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ferry/transfer/tree/treetest"
)

// walk runs w over sources and returns its items, and its problems as
// "display: cause".
func walk(t *testing.T, w Walk) (items []*Item, problems []string) {
	t.Helper()
	if w.Dirs == nil {
		w.Dirs = NewDirs(8)
		t.Cleanup(func() {
			if err := w.Dirs.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	w.Problem = func(display string, err error) {
		for _, known := range []error{ErrOwnState, ErrSpecial, errLoop, ErrTooDeep, ErrName, errNotFolder, ErrReplaced, fs.ErrNotExist, fs.ErrPermission} {
			if errors.Is(err, known) {
				err = known
				break
			}
		}
		problems = append(problems, display+": "+err.Error())
	}
	if err := w.Run(t.Context(), func(it *Item) error { items = append(items, it); return nil }); err != nil {
		t.Fatal(err)
	}
	return items, problems
}

// outline checks ids, parents and nesting, and returns each item as its kind
// and path on the wire.
func outline(t *testing.T, items []*Item) []string {
	t.Helper()
	var lines []string
	var id uint64
	type folder struct {
		id   uint64
		path string
	}
	stack := []folder{{}}
	for _, it := range items {
		top := stack[len(stack)-1]
		if it.Kind == FolderEnd {
			if it.ID != top.id || len(stack) == 1 {
				t.Fatalf("end of %d in folder %d", it.ID, top.id)
			}
			stack = stack[:len(stack)-1]
			lines = append(lines, "end "+top.path)
			continue
		}
		id++
		if it.ID != id || it.Parent != top.id {
			t.Fatalf("%q has id %d in %d, want %d in %d", it.Display, it.ID, it.Parent, id, top.id)
		}
		path := it.Name
		if top.path != "" {
			path = top.path + "/" + path
		}
		lines = append(lines, it.Kind.String()+" "+path)
		if it.Kind == Folder || it.Kind == Root {
			stack = append(stack, folder{id, path})
		}
	}
	if len(stack) != 1 {
		t.Fatal("a folder did not end")
	}
	return lines
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// mkdir makes a folder and returns its path with slashes, as paths below it are shown then.
func mkdir(t *testing.T, path ...string) string {
	t.Helper()
	p := filepath.ToSlash(filepath.Join(path...))
	if err := os.MkdirAll(p, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func file(t *testing.T, content string, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

// A random tree is told as filepath.WalkDir finds it, in its order.
func TestWalkTellsTheTree(t *testing.T) {
	names := []string{"a", "B", "b", "a.b", "a-", "é", "~", ".hidden", "a b", "😀"}
	if runtime.GOOS == "linux" {
		names = append(names, "a\nb", "\x1b[m", "\xff\xfe", strings.Repeat("x", 255), `a\b`, "*")
	}
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		top := mkdir(t, t.TempDir(), "top")
		folders := []string{top}
		for range 60 {
			path := filepath.Join(folders[rnd.IntN(len(folders))], names[rnd.IntN(len(names))])
			switch rnd.IntN(4) {
			case 0, 1:
				if os.Mkdir(path, 0o755) == nil {
					folders = append(folders, path)
				}
			case 2:
				_ = os.WriteFile(path, make([]byte, rnd.IntN(5000)), 0o600|fs.FileMode(rnd.IntN(0o200)))
			case 3:
				_ = os.Symlink(names[rnd.IntN(len(names))], path)
			}
		}
		var want []Entry
		err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			fi, err := e.Info()
			if err != nil {
				return err
			}
			w := Entry{Name: filepath.ToSlash(path), Mode: uint32(fi.Mode().Perm()), MTime: timeOf(fi.ModTime())}
			switch {
			case fi.IsDir():
				w.Kind = Folder
			case fi.Mode().IsRegular():
				w.Kind, w.Size = File, fi.Size()
			default:
				w.Kind = Symlink
				w.Target, err = os.Readlink(path)
			}
			want = append(want, w)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		items, problems := walk(t, Walk{Sources: []Source{{Path: top, Name: "top"}}})
		same(t, "problems", problems, nil)
		lines := outline(t, items)
		var got []Entry
		for i, it := range items {
			if it.Kind == FolderEnd {
				continue
			}
			e := it.Entry
			_, path, _ := strings.Cut(lines[i], " top")
			if e.Kind == Symlink {
				_, path, _ = strings.Cut(lines[i], "symbolic link top")
			}
			e.ID, e.Parent, e.Name = 0, 0, filepath.ToSlash(top)+path
			if it.Display != e.Name {
				t.Errorf("%q is shown as %q", e.Name, it.Display)
			}
			got = append(got, e)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, got, want)
		}
	}
}

func TestWalkSources(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	mkdir(t, "d", "sub")
	mkdir(t, "empty")
	file(t, "1", "d", "f")
	file(t, "22", "d", "sub", "g")
	file(t, "333", "alone")
	items, problems := walk(t, Walk{Sources: []Source{
		{Path: "d", Name: "d"},
		{Path: "d//", Contents: true},
		{Path: "d/sub/..", Name: "renamed"},
		{Path: "./alone", Name: "other"},
		{Path: filepath.Join(top, "empty"), Name: "empty"},
		{Path: "none", Name: "none"},
		{Path: "alone/", Name: "alone"},
		{Path: "alone", Name: "a/b"},
		{Path: "", Name: "x"},
		{Path: "none/", Contents: true},
		{Path: "alone", Contents: true},
	}})
	same(t, "items", outline(t, items), []string{
		"folder d", "file d/f", "folder d/sub", "file d/sub/g", "end d/sub", "end d",
		"root ", "file f", "folder sub", "file sub/g", "end sub", "end ",
		"folder renamed", "file renamed/f", "folder renamed/sub", "file renamed/sub/g", "end renamed/sub", "end renamed",
		"file other", "folder empty", "end empty",
	})
	if len(problems) != 6 {
		t.Errorf("problems %q", problems)
	}
	if it := items[7]; it.Display != "d//f" || it.Size != 1 {
		t.Errorf("a file in contents is shown as %q, %d bytes", it.Display, it.Size)
	}
	for _, it := range items {
		if it.Kind != File {
			continue
		}
		buf := make([]byte, 10)
		n, before, _, err := it.ReadSmall(buf)
		if err != nil || int64(n) != it.Size || !before.SameVersion(it.Info) {
			t.Errorf("reading %q: %d bytes, %v", it.Display, n, err)
		}
		f, info, err := it.Open()
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if now, err := it.Stat(); err != nil || !info.SameVersion(now) {
			t.Errorf("%q is %v and %v, %v", it.Display, info, now, err)
		}
	}
}

// Many named files cost no handle each.
func TestWalkManySources(t *testing.T) {
	top := t.TempDir()
	w := Walk{Dirs: NewDirs(4)}
	for i := range 600 {
		dir := mkdir(t, top, fmt.Sprint(i%300))
		file(t, fmt.Sprint(i), dir, fmt.Sprint(i))
		w.Sources = append(w.Sources, Source{Path: filepath.Join(dir, fmt.Sprint(i)), Name: fmt.Sprint(i)})
	}
	items, problems := walk(t, w)
	same(t, "problems", problems, nil)
	if w.Dirs.open > 4 {
		t.Errorf("%d folders open", w.Dirs.open)
	}
	for i, it := range items {
		buf := make([]byte, 10)
		if n, _, _, err := it.ReadSmall(buf); err != nil || string(buf[:n]) != fmt.Sprint(i) {
			t.Fatalf("%q reads %q, %v", it.Display, buf[:n], err)
		}
	}
	if err := w.Dirs.Close(); err != nil {
		t.Error(err)
	}
}

func TestWalkLeavesOut(t *testing.T) {
	top := mkdir(t, t.TempDir())
	mkdir(t, top, "a", PartialName, "inside")
	mkdir(t, top, "b", ".FERRY-partial")
	mkdir(t, top, "a", ".ferry-partial-1000", "inside")
	file(t, "", top, "a", "kept")
	file(t, "", top, PartialName)
	items, problems := walk(t, Walk{Sources: []Source{{Path: top, Contents: true}}})
	same(t, "items", outline(t, items), []string{"root ", "folder a", "file a/kept", "end a", "folder b", "end b", "end "})
	for i, p := range problems {
		problems[i] = strings.TrimPrefix(p, top+"/")
	}
	want := []string{PartialName + ": " + ErrOwnState.Error(), "a/" + PartialName + ": " + ErrOwnState.Error(),
		"a/.ferry-partial-1000: " + ErrOwnState.Error(), "b/.FERRY-partial: " + ErrOwnState.Error()}
	same(t, "problems", problems, want)
}

func TestWalkStops(t *testing.T) {
	top := t.TempDir()
	for i := range 10 {
		file(t, "", top, fmt.Sprint(i))
	}
	w := Walk{Sources: []Source{{Path: top, Name: "top"}, {Path: top, Name: "again"}}, Dirs: NewDirs(2)}
	own := errors.New("own")
	ctx, cancel := context.WithCancelCause(t.Context())
	for at := 1; at <= 12; at++ { // the folder, its files, its end
		n := 0
		err := w.Run(ctx, func(*Item) error {
			if n++; n == at {
				return own
			}
			return nil
		})
		if err != own || n != at {
			t.Errorf("an error at item %d gave %v after %d", at, err, n)
		}
	}
	n := 0
	err := w.Run(ctx, func(*Item) error {
		if n++; n == 3 {
			cancel(own)
		}
		return nil
	})
	if err != own || n != 3 {
		t.Errorf("cancelled at 3: %v after %d", err, n)
	}
	w.Sources = []Source{{Path: filepath.Join(top, "none"), Name: "none"}}
	if err := w.Run(t.Context(), func(*Item) error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a problem that nobody is told of: %v", err)
	}
	if err := w.Dirs.Close(); err != nil {
		t.Error(err)
	}
}

func TestWalkLimits(t *testing.T) {
	if treetest.Wine() {
		t.Skip("Wine: what lies so deep is there, and cannot be removed again")
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	// 200 bytes a level: the 163rd makes the path longer than MaxPath.
	name := strings.Repeat("d", 200)
	at := root
	for range 170 {
		if err := at.Mkdir(name, 0o700); err != nil {
			t.Skipf("no such depth here: %v", err)
		}
		next, err := at.OpenRoot(name)
		if err != nil {
			t.Fatal(err)
		}
		if at != root {
			at.Close()
		}
		at = next
	}
	at.Close()
	items, problems := walk(t, Walk{Sources: []Source{{Path: root.Name(), Contents: true}}})
	outline(t, items)
	if want := MaxPath / 201; len(items) != 2*(want+1) {
		t.Errorf("%d items, want %d folders and the root", len(items), want)
	}
	if len(problems) != 1 || !strings.HasSuffix(problems[0], ErrTooDeep.Error()) {
		t.Errorf("problems %.300q", problems)
	}

	var problem error
	r := &walkRun{Walk: &Walk{Problem: func(_ string, err error) { problem = err }}}
	if err := r.child(place{depth: MaxDepth + 1}, nil, &sight{DirName: DirName{"x", Folder}}); err != nil || !errors.Is(problem, ErrTooDeep) {
		t.Errorf("below %d folders: %v, %v", MaxDepth+1, err, problem)
	}
}

func timeOf(t time.Time) Time { return Time{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())} }
