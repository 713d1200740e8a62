package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Prune removes what p says, after the delivery and before Close, and with it what
// MakeWay had moved aside. A name that a source folder has by now is left alone, whatever
// it is, and so is what its rules leave out, names of state folders at any depth, and a
// folder with something in it that stays. No link is followed on the way to what is
// removed, and nothing removed that is mounted there. All of it is counted first. Folders
// in which something was removed keep their mtime and are synced.
func (f *Folder) Prune(ctx context.Context, p *storage.Prune) error {
	if err := f.site.present(); err != nil {
		return err
	}
	for _, mode := range []pruneMode{pruneCount, pruneRemove} {
		run := pruneRun{Prune: p, ctx: ctx, mode: mode, storing: f.storing(), backups: f.backups, sync: f.syncDir, told: f.dress.untimed.told, times: f.dress.times}
		if f.opts.NoSync {
			run.sync = nil
		}
		if err := run.asides(f.volumes, f.way); err != nil {
			return err
		}
		if err := run.run(f.nodes.root.dir); err != nil {
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

// pruneRun is one pass over the destination. It holds the names of one folder
// of it, and of its twin, for each level of the path that it is at.
type pruneRun struct {
	*storage.Prune
	ctx     context.Context
	mode    pruneMode
	storing storing
	backups *backups                  // nil when rehearsing
	sync    func(*tree.Dir) error     // nil: nothing is synced
	told    func(tree.Info) tree.Time // see untimed; nil when rehearsing
	times   *times                    // nil when rehearsing
	prefix  string                    // goes before the paths of the current source, empty or with a slash
	n       int64                     // items that go
	beside  int64                     // those of them of which a backup stays in their folder
}

// twin is a source folder beside a folder of the destination.
type twin struct {
	storage.SourceFolder
	path    string // of a source itself, as the user calls it
	mtime   tree.Time
	names   []tree.DirName
	escaped map[string]string // see storing.escaped; nil until it is asked for
}

// spot is an item or folder below the place of a source.
type spot struct {
	at   string // at the destination
	from string // at the source, if it has it
}

// in is the item that the folder p has as at, and the source as from.
func (p spot) in(at, from string) spot { return spot{join(p.at, at), join(p.from, from)} }

func (r *pruneRun) run(root *tree.Dir) error {
	reserved := make(map[string]bool)
	var contents []twin
	whole := true
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name != "" {
			reserved[r.storing.stored(root, s.Name)] = true
			continue
		}
		t, ok := r.source(s, ".")
		contents, whole = append(contents, t), whole && ok
	}
	if whole && len(contents) > 0 {
		if err := r.folder(root, contents, spot{}, reserved); err != nil {
			return err
		}
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name == "" || s.Folder == nil {
			continue
		}
		name := r.storing.stored(root, s.Name)
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) && r.mode == pruneRehearse || err == nil && info.Kind != tree.Folder {
			continue
		}
		if err != nil {
			r.failed(name, err)
			continue
		}
		if t, ok := r.source(s, name); ok {
			r.prefix = name + "/"
			if err := r.folder(root.Child(name), []twin{t}, spot{}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// source is the twin of a top-level folder, which is stored as at, if that is what was
// delivered.
func (r *pruneRun) source(s *storage.PruneSource, at string) (t twin, ok bool) {
	t = twin{SourceFolder: s.Folder(), path: s.Path}
	if err := t.look(); err != nil {
		r.failed(at, err)
		return t, false
	}
	return t, true
}

// look looks at the folder.
func (t *twin) look() error {
	look, err := t.Look()
	if look.Path != "" {
		t.path = look.Path
	}
	t.mtime, t.names = look.MTime, look.Names
	return err
}

// refuseEmpty keeps what is at the destination of a source folder that has nothing to
// deliver: more often than not its disk is not mounted, or the wrong one is.
func (r *pruneRun) refuseEmpty(twins []twin) error {
	if r.All {
		return nil
	}
	for i := range twins {
		t := &twins[i]
		if !t.Delivers() {
			return fmt.Errorf("%w %s", storage.ErrEmptySource, t.path)
		}
	}
	return nil
}

// kept reports whether an item is left alone whether a source has it or not. An escaped name
// may as well be one that the source has as it is.
func (r *pruneRun) kept(twins []twin, p spot, folder bool) (bool, error) {
	for i := range twins {
		out, err := twins[i].LeavesOut(p.from, folder)
		if !out && err == nil && p.at != p.from {
			out, err = twins[i].LeavesOut(p.at, folder)
		}
		if out || err != nil {
			return out, err
		}
	}
	return r.Keep != nil && r.Keep(r.prefix+p.at), nil
}

// isSource reports whether an item is one of the sources, where the system has
// identities to tell by.
func (r *pruneRun) isSource(info tree.Info) bool {
	for i := range r.Sources {
		if s := &r.Sources[i]; s.Before.Ino != 0 && s.Before.SameFile(info) {
			return true
		}
	}
	return r.Own != nil && r.Own(info)
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
	if r.mode != pruneCount && r.ctx.Err() == nil {
		r.Failed(path, fail("deleting", path, err))
	}
}
