package dest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/dest"
	"ferry/transfer/storage"
	"ferry/transfer/storage/storagetest"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// place is a storagetest.Place in a folder.
type place struct {
	t         *testing.T
	dir       string
	rehearses bool
	folds     bool
}

func placeIn(t *testing.T, dir string, rehearses bool) storagetest.Place {
	p := place{t: t, dir: dir, rehearses: rehearses}
	probe := filepath.Join(p.dir, "probe")
	if err := os.WriteFile(probe, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := os.Lstat(filepath.Join(p.dir, "PROBE"))
	p.folds = err == nil
	if err := os.Remove(probe); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p place) has(trait treetest.Trait) bool { return treetest.Has(p.t, trait) }

// inode is the number of the item at path, and tells two names of one from two items.
func inode(t testing.TB, path string) uint64 {
	t.Helper()
	dirs := tree.NewDirs(1)
	defer dirs.Close() // only looked at
	dir, err := dirs.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	info, err := dir.Lstat(filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	return info.Ino
}

func (p place) Open(t testing.TB, o storagetest.Options) storage.Destination {
	t.Helper()
	if p.rehearses {
		r, err := dest.Rehearse(p.dir, dest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	f, err := dest.Open(p.dir, dest.Options{NoSync: o.NoSync, VerifyDisk: o.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (p place) Has() storagetest.Traits {
	return storagetest.Traits{
		Rehearses: p.rehearses, Modes: p.has(treetest.Modes), Links: p.has(treetest.Links), HardLinks: true, FIFOs: p.has(treetest.FIFOs), Folds: p.folds, Holds: !p.has(treetest.Handles),
		Unkept:  &tree.Extra{Xattrs: []tree.Xattr{{Name: "user.\x00", Value: []byte("x")}}},
		Granted: tree.Metadata{Xattrs: true}, Lost: tree.AttrXattrs,
	}
}

func (p place) List(t testing.TB) map[string]storagetest.Item {
	t.Helper()
	list := make(map[string]storagetest.Item)
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == p.dir {
			return err
		}
		if tree.IsStateName(d.Name()) {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		i := storagetest.Item{Kind: tree.File, Mode: uint32(info.Mode().Perm()), Ino: inode(t, path)}
		i.MTime = tree.Time{Sec: info.ModTime().Unix(), Nsec: uint32(info.ModTime().Nanosecond())}
		switch {
		case info.IsDir():
			i.Kind = tree.Folder
		case info.Mode()&fs.ModeSymlink != 0:
			i.Kind = tree.Symlink
			i.Target, err = os.Readlink(path)
		case info.Mode()&fs.ModeNamedPipe != 0:
			i.Kind = tree.FIFO
		default:
			i.Data, err = os.ReadFile(path)
		}
		rel, rerr := filepath.Rel(p.dir, path)
		list[filepath.ToSlash(rel)] = i
		return errors.Join(err, rerr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (p place) Lasting(testing.TB) map[string]storagetest.Item { return nil }

// Put gives a time to what is no link: no other test looks at theirs.
func (p place) Put(t testing.TB, path string, i storagetest.Item) {
	t.Helper()
	p.Remove(t, path)
	at := filepath.Join(p.dir, filepath.FromSlash(path))
	var err error
	switch i.Kind {
	case tree.Folder:
		err = os.Mkdir(at, 0o700)
	case tree.Symlink:
		if err := os.Symlink(i.Target, at); err != nil {
			t.Fatal(err)
		}
		return
	default:
		err = os.WriteFile(at, i.Data, 0o600)
	}
	if err == nil {
		err = os.Chmod(at, fs.FileMode(i.Mode))
	}
	if err == nil && i.MTime != (tree.Time{}) {
		err = os.Chtimes(at, i.MTime.Std(), i.MTime.Std())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p place) Remove(t testing.TB, path string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, filepath.FromSlash(path))); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	storagetest.Destination(t, func(t *testing.T) storagetest.Place { return placeIn(t, t.TempDir(), false) })
}

func TestRehearsalContract(t *testing.T) {
	storagetest.Destination(t, func(t *testing.T) storagetest.Place { return placeIn(t, t.TempDir(), true) })
}
