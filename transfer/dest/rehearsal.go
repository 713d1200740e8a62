package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"ferry/transfer/tree"
)

// Rehearsal tells what a Folder at the same path would meet, and changes
// nothing, not even when the path is not there. It looks at names, kinds, links
// and contents, and asks whether this user may write to the folders. Its methods may be
// called concurrently, but Close last.
type Rehearsal struct {
	dirs  *tree.Dirs
	root  *tree.Dir // nil: the destination would be made
	space *os.File  // the destination, or the folder that it would be made in

	meta     tree.Metadata // granted
	accounts *tree.Accounts
	times    *times
	listing  listing
	adjusted func(id uint64) // nil: nobody asks
	way      *way            // as Folder.way

	mu sync.Mutex
	// entrances has the folders that are there and that something would be put into.
	entrances map[*tree.Dir]*entrance
	numbered  map[uint64]bool      // by device, see numbersItems
	nodes     map[uint64]*tree.Dir // by entry id; nil is a folder that would be made
	over      map[uint64]*tree.Dir // of those, what they would be made in, if it is there
	// names are what is there of items that hard links may come to; at most
	// tree.MaxHardLinks.
	names   map[uint64]tree.Info
	cleared []cleared // at most way.Max
}

// Rehearse looks at the folder at path, links in path followed. What would keep
// Open from making it, such as a file in the way, is an error here too.
func Rehearse(path string) (*Rehearsal, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fail("opening", "", err)
	}
	r := &Rehearsal{accounts: tree.NewAccounts(), times: newTimes(time.Now), dirs: tree.NewDirs(maxFolderHandles), nodes: make(map[uint64]*tree.Dir), over: make(map[uint64]*tree.Dir), entrances: make(map[*tree.Dir]*entrance), names: make(map[uint64]tree.Info), numbered: make(map[uint64]bool)}
	for p := abs; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "open", Path: p, Err: syscall.ENOTDIR}
		}
		if err == nil {
			r.space, err = os.Open(p)
			if err == nil && p == abs {
				r.root, err = r.dirs.Open(p)
			}
			if err != nil {
				return nil, fail("opening", "", errors.Join(err, r.Close()))
			}
			if err := r.mayMake(p, abs); err != nil {
				return nil, fail("making", "", errors.Join(err, r.Close()))
			}
			return r, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || p == filepath.Dir(p) {
			return nil, fail("opening", "", err)
		}
	}
}

// mayMake fails if path, below the folder at above, could not be made.
func (r *Rehearsal) mayMake(above, path string) error {
	if r.root != nil {
		return nil
	}
	d, err := r.dirs.Open(above)
	if err != nil {
		return nil // what cannot be looked at tells nothing
	}
	if err := d.MayWrite(); err != nil && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		return &fs.PathError{Op: "mkdir", Path: path, Err: errors.Unwrap(err)}
	}
	return nil
}

// folder returns the folder that has id; nil is one that would be made.
func (r *Rehearsal) folder(id uint64) (*tree.Dir, error) {
	if id == 0 {
		return r.root, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d, known := r.nodes[id]
	if !known {
		return nil, fmt.Errorf("folder %d is not open here", id)
	}
	return d, nil
}

// Stat is Folder.Stat.
func (r *Rehearsal) Stat(e *tree.Entry) (tree.Info, error) {
	d, err := r.parent(e)
	if err != nil {
		return tree.Info{}, fail("looking at", e.Name, err)
	}
	if d == nil {
		return tree.Info{}, fs.ErrNotExist
	}
	info, err := d.Lstat(e.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return tree.Info{}, fs.ErrNotExist
	}
	return info, fail("looking at", e.Name, err)
}

// parent is the folder that e would go into, once its name is one that stays in it.
func (r *Rehearsal) parent(e *tree.Entry) (*tree.Dir, error) {
	if err := tree.CheckName(e.Name); err != nil {
		return nil, err
	}
	return r.folder(e.Parent)
}

// MakeFolder finds the folder that Folder.MakeFolder would adopt.
func (r *Rehearsal) MakeFolder(e *tree.Entry) (existed bool, err error) {
	var d *tree.Dir
	if e.Kind == tree.Root {
		d = r.root
	} else {
		info, err := r.Stat(e)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return false, err
		case info.Kind != tree.Folder && r.way != nil:
			if err := r.Clear(e); err != nil {
				return false, err
			}
		case info.Kind != tree.Folder:
			return false, fail("making", e.Name, fmt.Errorf("a %v has that name: %w", info.Kind, syscall.ENOTDIR))
		default:
			parent, err := r.folder(e.Parent)
			if err != nil {
				return false, fail("making", e.Name, err)
			}
			d = parent.Child(e.Name)
		}
	}
	if d != nil {
		if err := r.foresee(d, "", e); err != nil {
			return false, fail("making", e.Name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, double := r.nodes[e.ID]; double || e.ID == 0 {
		return false, fail("making", e.Name, errDuplicate)
	}
	r.nodes[e.ID] = d
	if d == nil && e.Kind != tree.Root {
		if r.over[e.ID] = r.nodes[e.Parent]; r.over[e.ID] == nil {
			r.over[e.ID] = r.over[e.Parent]
		}
	}
	return d != nil, nil
}

// FinishFolder forgets the folder e.ID.
func (r *Rehearsal) FinishFolder(e *tree.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.nodes[e.ID]; d != r.root {
		delete(r.entrances, d)
	}
	delete(r.nodes, e.ID)
	delete(r.over, e.ID)
	return nil
}

// MakeLink returns what Folder.MakeLink would.
func (r *Rehearsal) MakeLink(e *tree.Entry, replace bool) (same bool, err error) {
	if err := tree.CheckTarget(e.Target); err != nil {
		return false, fail("linking", e.Name, err)
	}
	info, err := r.Stat(e)
	if errors.Is(err, fs.ErrNotExist) {
		return false, r.MayPut(e)
	}
	if err != nil {
		return false, err
	}
	if info.Kind == tree.Symlink {
		d, err := r.folder(e.Parent)
		if err != nil {
			return false, fail("linking", e.Name, err)
		}
		target, err := d.Readlink(e.Name)
		if err == nil && target == e.Target {
			err = r.Touch(e)
			return err == nil, err
		}
		if err != nil {
			return false, fail("linking", e.Name, err)
		}
	}
	switch {
	case info.Kind == tree.Folder && !(r.way != nil && replace):
		return false, fail("linking", e.Name, fmt.Errorf("a folder has that name: %w", syscall.EISDIR))
	case !replace:
		return false, fail("linking", e.Name, fs.ErrExist)
	}
	return false, r.MayPut(e)
}

// Existing is Folder.Existing.
func (r *Rehearsal) Existing(e *tree.Entry) (*os.File, tree.Info, error) {
	d, err := r.parent(e)
	if err == nil && d == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, tree.Info{}, fail("opening", e.Name, err)
	}
	file, info, err := d.OpenFile(e.Name)
	if err != nil {
		return nil, tree.Info{}, fail("opening", e.Name, err)
	}
	return file, info, nil
}

// Allocated is the space, in bytes, that a partial of e takes already. One on a
// file system that is mounted below the destination is not found.
func (r *Rehearsal) Allocated(e *tree.Entry) int64 {
	d, err := r.parent(e)
	if err != nil || d == nil {
		return 0
	}
	path := e.Name
	if above := d.Path(); above != "" {
		path = above + "/" + path
	}
	for _, name := range []string{ownStateName(), tree.PartialName} {
		if name == "" {
			continue
		}
		info, err := r.root.Child(name).Lstat(pathHash(path) + "-" + versionHash(e) + partSuffix)
		if err == nil && !foreign(info) {
			return max(info.Allocated, 0)
		}
	}
	return 0 // there is none, and no more is promised of it than space
}

// Shares reports whether a new version of the file at e's name would share its blocks.
// It is tried with a file that never has a name.
func (r *Rehearsal) Shares(e *tree.Entry) bool {
	from, _, err := r.Existing(e)
	if err != nil {
		return false
	}
	defer from.Close() // read only
	d, err := r.parent(e)
	if err != nil {
		return false
	}
	to, err := d.CreateUnnamed(0o600)
	if err != nil {
		return false
	}
	defer to.Close() // it is gone with that
	return sharesRange(to, from)
}

// Free is Folder.Free.
func (r *Rehearsal) Free() (int64, error) {
	n, err := freeBytes(r.space)
	if err != nil && !tree.Failing(err) {
		return unknownSpace, nil
	}
	if err != nil {
		return 0, fail("measuring", "", err)
	}
	return n, nil
}

// Close lets go of all handles. Further calls do nothing.
func (r *Rehearsal) Close() error {
	err := r.dirs.Close()
	if r.space != nil {
		err = errors.Join(err, ignoreClosed(r.space.Close()))
	}
	return fail("closing", "", err)
}
