package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

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
				if what == "link" {
					treetest.Needs(t, treetest.Links)
				}
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
