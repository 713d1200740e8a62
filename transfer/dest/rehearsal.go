package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Rehearsal tells what a Folder at the same path would meet, and changes
// nothing, not even when the path is not there: a storage.Destination without Files. It
// looks at names, kinds, links and contents, and asks whether this user may write to the
// folders. It does not foresee what metadata would be lost, nor, where it would have to
// make something to know, whether a name would be taken.
type Rehearsal struct {
	named string // as Rehearse was given it
	guest bool   // Options.Guest
	dirs  *tree.Dirs
	root  *tree.Dir // nil: the destination would be made
	space *os.File  // the destination, or the folder that it would be made in

	granted  tree.Metadata
	accounts *tree.Accounts
	times    *times
	listing  listing
	way      way
	storing  storing

	mu sync.Mutex // guards what follows, and is held for no change and no content
	// entrances has the folders that are there and that something would be put into.
	entrances map[*tree.Dir]*entrance
	numbered  map[uint64]bool       // by device, see numbersItems
	rules     map[uint64]*nameRules // by device
	nodes     map[uint64]*tree.Dir  // by entry id; nil is a folder that would be made
	over      map[uint64]*tree.Dir  // of those, what they would be made in, if it is there
	// names are what is there of items that hard links may come to; at most
	// tree.MaxHardLinks.
	names   map[uint64]tree.Info
	cleared []cleared // at most way.leave.Max
}

// Rehearse looks at the folder at path, links in path followed. What would keep
// Open from making it, such as a file in the way, is an error here too. Of the options only
// EscapeNames, Below and Guest count.
func Rehearse(path string, o Options) (*Rehearsal, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fail("opening", "", err)
	}
	r := &Rehearsal{
		named: path, guest: o.Guest, dirs: tree.NewDirs(maxFolderHandles), accounts: tree.NewAccounts(), times: newTimes(time.Now),
		entrances: make(map[*tree.Dir]*entrance), numbered: make(map[uint64]bool), rules: make(map[uint64]*nameRules),
		nodes: make(map[uint64]*tree.Dir), over: make(map[uint64]*tree.Dir), names: make(map[uint64]tree.Info),
	}
	if o.EscapeNames {
		r.storing = storing{r.rulesIn}
	}
	if o.Below != nil {
		if err := r.openBelow(abs, o.Below); err != nil {
			return nil, fail("opening", "", errors.Join(err, r.Close()))
		}
		return r, nil
	}
	for p := abs; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "open", Path: p, Err: tree.NotFolder}
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

// openBelow looks for the folder that below names in the one at path, which is there. No link
// is followed below it.
func (r *Rehearsal) openBelow(path string, below []string) error {
	d, err := r.dirs.Open(path)
	if err != nil {
		return err
	}
	missing := false
	for _, name := range below {
		if err := tree.CheckName(name); err != nil {
			return err
		}
		info, err := d.Lstat(name)
		if missing = errors.Is(err, fs.ErrNotExist); missing {
			break
		}
		if err == nil && info.Kind != tree.Folder {
			err = &fs.PathError{Op: "open", Path: name, Err: tree.NotFolder}
		}
		if err != nil {
			return err
		}
		d, path = d.Child(name), filepath.Join(path, name)
	}
	if missing {
		if err := d.MayWrite(); err != nil && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
			return err
		}
	} else {
		r.root = d
	}
	return r.openSpace(d, path)
}

// openSpace opens the folder d, which is at path unless somebody puts something else there.
func (r *Rehearsal) openSpace(d *tree.Dir, path string) error {
	here, err := d.Handle()
	if err != nil {
		return err
	}
	defer here.Close() // only looked at
	if r.space, err = os.Open(path); err != nil {
		return err
	}
	is, err := here.Stat()
	if err != nil {
		return err
	}
	if now, err := r.space.Stat(); err != nil || !os.SameFile(is, now) {
		return errors.Join(err, storage.ErrGone)
	}
	return nil
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

// Place is the path that Rehearse was given.
func (r *Rehearsal) Place() string { return r.named }

// MakeWay is Folder.MakeWay.
func (r *Rehearsal) MakeWay(p *storage.Prune) storage.Way {
	r.way.leave, r.way.storing = p, r.storing
	return r
}

// FindMoved is Folder.FindMoved: a dry run takes no content from anywhere.
func (r *Rehearsal) FindMoved(*storage.Prune) storage.Moved { return nil }

// Start is storage.Destination's.
func (r *Rehearsal) Start(granted tree.Metadata) (*storage.Landing, error) {
	r.granted = granted
	l := &storage.Landing{Keeps: granted, Finder: r, Maker: r, Special: r, Estimate: r, Twins: r, Pruner: r}
	if r.storing.escapes() {
		l.Names = r
	}
	if r.way.open() {
		l.Way = r
	}
	return l, nil
}

// Finish is storage.Destination's. Nothing is to be made durable.
func (r *Rehearsal) Finish() (storage.Report, error) { return storage.Report{}, nil }

// Close is storage.Destination's.
func (r *Rehearsal) Close() error {
	err := r.dirs.Close()
	if r.space != nil {
		err = errors.Join(err, ignoreClosed(r.space.Close()))
	}
	return fail("closing", "", err)
}

// Prune tells p.Removed what Folder.Prune would remove, and then storage.ErrTooMany if it
// would refuse.
func (r *Rehearsal) Prune(ctx context.Context, p *storage.Prune) error {
	if r.root == nil {
		return nil
	}
	run := pruneRun{Prune: p, ctx: ctx, mode: pruneRehearse, storing: r.storing}
	if err := run.wouldClear(r.root, slices.Clone(r.cleared)); err != nil {
		return err
	}
	if err := run.run(r.root); err != nil {
		return err
	}
	return run.tooMany()
}

// Asides is Folder.Asides: nothing was moved.
func (r *Rehearsal) Asides() map[string]string { return nil }

// Unsynced is Folder.Unsynced: nothing was to be synced.
func (r *Rehearsal) Unsynced() error { return nil }

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

// parent is the folder that e would go into, once its name is one that stays in it.
func (r *Rehearsal) parent(e *tree.Entry) (*tree.Dir, error) {
	if err := tree.CheckName(e.Name); err != nil {
		return nil, err
	}
	return r.folder(e.Parent)
}

// there is parent for an item that is there: fs.ErrNotExist if its folder is not.
func (r *Rehearsal) there(e *tree.Entry) (*tree.Dir, error) {
	d, err := r.parent(e)
	if err == nil && d == nil {
		err = fs.ErrNotExist
	}
	return d, err
}
