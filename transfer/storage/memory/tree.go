package memory

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Tree is files in memory to be sent: tree.Away. It can be changed meanwhile. A folder is
// there if something is in it, or was put by its name with a slash.
type Tree struct {
	// Before, if it is not nil, is asked before an item is looked at or opened. Its error is
	// that of the item.
	Before func(path string) error

	mu    sync.Mutex // guards what follows
	files map[string]*Source
}

// NewTree returns one that has nothing, not even its top.
func NewTree() *Tree { return &Tree{files: make(map[string]*Source)} }

// Put puts a file, or in place of one of that path; the empty path is the top.
func (t *Tree) Put(path string, data []byte, mtime tree.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.files[path]; s != nil {
		s.Change(data, mtime)
		return
	}
	t.files[path] = NewSource(data, mtime)
}

// Remove takes a file away.
func (t *Tree) Remove(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.files, path)
}

// Top is tree.Away's.
func (t *Tree) Top() (tree.Found, error) { return t.find("") }

// find tells what has a path.
func (t *Tree) find(path string) (tree.Found, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, name := splitLast(path)
	if s := t.files[path]; s != nil {
		_, info := s.now()
		return tree.Found{Name: name, Info: info, Item: &leaf{t, path}}, nil
	}
	below := within(path)
	for p := range t.files {
		if strings.HasPrefix(p, below) {
			f := folderAway{t, path}
			return tree.Found{Name: name, Info: f.info(), Folder: f}, nil
		}
	}
	return tree.Found{}, fs.ErrNotExist
}

// within is what the paths of items in a folder begin with.
func within(folder string) string {
	if folder == "" {
		return ""
	}
	return folder + "/"
}

func splitLast(path string) (folder, name string) {
	at := strings.LastIndexByte(path, '/')
	return path[:max(at, 0)], path[at+1:]
}

// folderAway is a folder of a Tree: tree.AwayFolder.
type folderAway struct {
	t    *Tree
	path string
}

func (f folderAway) info() tree.Info {
	return tree.Info{Kind: tree.Folder, Mode: 0o755, MTime: tree.Time{Sec: 1e9}}
}

// Stat is tree.AwayFolder's.
func (f folderAway) Stat() (tree.Info, error) {
	found, err := f.t.find(f.path)
	return found.Info, err
}

// All is tree.AwayFolder's.
func (f folderAway) All() iter.Seq2[tree.Found, error] {
	below := within(f.path)
	names := make(map[string]bool)
	f.t.mu.Lock()
	for p := range f.t.files {
		if rest, in := strings.CutPrefix(p, below); in {
			name, _, _ := strings.Cut(rest, "/")
			names[name] = name != ""
		}
	}
	f.t.mu.Unlock()
	return func(yield func(tree.Found, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if !names[name] {
				continue // the folder itself
			}
			if found, err := f.Find(name); err == nil && !yield(found, nil) {
				return
			}
		}
	}
}

// Names is tree.AwayFolder's.
func (f folderAway) Names() iter.Seq2[tree.Found, error] { return f.All() }

// Find is tree.AwayFolder's.
func (f folderAway) Find(name string) (tree.Found, error) { return f.t.find(within(f.path) + name) }

// leaf is a file of a Tree: tree.AwayItem and storage.Source.
type leaf struct {
	t    *Tree
	path string
}

func (l *leaf) source() (*Source, error) {
	if l.t.Before != nil {
		if err := l.t.Before(l.path); err != nil {
			return nil, err
		}
	}
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	if s := l.t.files[l.path]; s != nil {
		return s, nil
	}
	return nil, fs.ErrNotExist
}

// Look is tree.AwayItem's.
func (l *leaf) Look() (wait func() (tree.Info, error)) { return l.Stat }

// Stat is storage.Source's.
func (l *leaf) Stat() (info tree.Info, err error) {
	s, err := l.source()
	if err == nil {
		info, err = s.Stat()
	}
	return info, err
}

// Open is storage.Source's.
func (l *leaf) Open() (storage.File, error) {
	s, err := l.source()
	if err != nil {
		return nil, err
	}
	return s.Open()
}

// OpenStream is storage.Source's.
func (l *leaf) OpenStream(ctx context.Context) (io.ReadCloser, error) {
	s, err := l.source()
	if err != nil {
		return nil, err
	}
	return s.OpenStream(ctx)
}

// ReadSmall is storage.Source's.
func (l *leaf) ReadSmall(buf []byte) (n int, before, after tree.Info, err error) {
	s, err := l.source()
	if err != nil {
		return 0, before, after, err
	}
	return s.ReadSmall(buf)
}
