package object

import (
	"context"
	"errors"
	"fmt"

	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// MakeWay is storage.Pruner's: no item makes way for one of another kind.
func (d *destination) MakeWay(*storage.Prune) storage.Way { return nil }

// FindMoved is storage.Pruner's: nobody looks for what was moved.
func (d *destination) FindMoved(*storage.Prune) storage.Moved { return nil }

// Asides is storage.Pruner's: nothing was moved aside.
func (d *destination) Asides() map[string]string { return nil }

// Unsynced is storage.Pruner's: what the store took away is gone.
func (d *destination) Unsynced() error { return nil }

// errNoBackups: a deletion was to keep what it deletes.
var errNoBackups = errors.New("an object store keeps no backups of what is deleted")

// Prune is storage.Pruner's. All is counted first, and then deleted, up to 1000 keys with a
// request; a rehearsal tells what would be. A name that a source folder has by now is left
// alone, whatever it is, and so is what its rules leave out. Names of state folders stay at any
// depth, keys that are no clean paths, and folders with something in them that stays. An object
// that is replaced while it is deleted goes as well: stores have no condition for that.
//
// The names in one folder are in memory, for each level of the path that it is at.
func (d *destination) Prune(ctx context.Context, p *storage.Prune) error {
	if p.Backup != nil {
		return &storage.Error{Kind: storage.Unsupported, Op: "deleting", Err: errNoBackups}
	}
	s := &Source{b: d.s.b, place: d.s.b.Place(), ctx: ctx, stop: func() {}, held: maxHeld}
	modes := []pruneMode{pruneCount, pruneRemove}
	if d.files == nil {
		modes = []pruneMode{pruneRehearse}
	}
	for _, mode := range modes {
		run := &pruneRun{Prune: p, ctx: ctx, s: s, mode: mode}
		if err := run.run(&folder{s: s}); err != nil {
			return err
		}
		if err := run.flush(); err != nil {
			return err
		}
		if err := run.tooMany(); err != nil {
			return err
		}
	}
	return nil
}

// pruneMode is what becomes of an item that is to go.
type pruneMode uint8

const (
	pruneCount    pruneMode = iota // nothing, and nothing is told
	pruneRemove                    // it goes
	pruneRehearse                  // it is told of
)

// pruneRun is one pass over the destination.
type pruneRun struct {
	*storage.Prune
	ctx    context.Context
	s      *Source // of the destination
	mode   pruneMode
	prefix string // goes before the paths of the current source, empty or with a slash
	n      int64  // items that go

	going []going  // what is deleted with the next request
	stays []string // paths of what could not be deleted
}

// going is an item that goes. What is in a folder goes before it.
type going struct {
	path string // relative to the destination
	key  string // of a folder it may not be there
	info tree.Info
}

// twin is a source folder beside a folder of the destination.
type twin struct {
	storage.SourceFolder
	path string // of a source itself, as the user calls it
}

func (r *pruneRun) run(root *folder) error {
	reserved := make(map[string]bool)
	var contents []twin
	whole := true
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name != "" {
			reserved[s.Name] = true
			continue
		}
		t, ok := r.source(s, ".")
		contents, whole = append(contents, t), whole && ok
	}
	if whole && len(contents) > 0 {
		if err := r.folder(root, contents, "", reserved); err != nil {
			return err
		}
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name == "" || s.Folder == nil {
			continue
		}
		if t, ok := r.source(s, s.Name); ok {
			r.prefix = s.Name + "/"
			if err := r.folder(&folder{s: r.s, prefix: r.prefix}, []twin{t}, "", nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// source is the twin of a top-level folder, if that is what was delivered.
func (r *pruneRun) source(s *storage.PruneSource, at string) (t twin, ok bool) {
	t = twin{SourceFolder: s.Folder(), path: s.Path}
	look, err := t.Look()
	if look.Path != "" {
		t.path = look.Path
	}
	if err != nil {
		r.failed(at, err)
	}
	return t, err == nil
}

// refuseEmpty keeps what is at the destination of a source folder that has nothing to deliver.
func (r *pruneRun) refuseEmpty(twins []twin) error {
	for i := range twins {
		if t := &twins[i]; !r.All && !t.Delivers() {
			return fmt.Errorf("%w %s", storage.ErrEmptySource, t.path)
		}
	}
	return nil
}

// kept reports whether an item is left alone whether a source has it or not.
func (r *pruneRun) kept(twins []twin, path string, isFolder bool) (bool, error) {
	for i := range twins {
		if out, err := twins[i].LeavesOut(path, isFolder); out || err != nil {
			return out, err
		}
	}
	return r.Keep != nil && r.Keep(r.prefix+path), nil
}

// take counts one more item that goes.
func (r *pruneRun) take() error {
	r.n++
	if r.mode == pruneRehearse {
		return nil // all of them are told
	}
	return r.tooMany()
}

func (r *pruneRun) tooMany() error { return r.Allows(r.n, r.mode == pruneRehearse) }

// failed tells of an item that stays, in the pass that is to remove it.
func (r *pruneRun) failed(path string, err error) {
	if r.mode == pruneCount || r.ctx.Err() != nil {
		return
	}
	kind := storage.IO
	var of *bucket.Error
	if errors.As(err, &of) && of.Kind == bucket.Denied {
		kind = storage.Permission
	}
	r.Failed(path, &storage.Error{Kind: kind, Op: "deleting", Path: path, Err: err})
}
