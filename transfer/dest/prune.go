package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"ferry/transfer/tree"
)

// Errors of Prune.
var (
	// ErrTooMany is returned when more than Prune.Max items would have to go.
	ErrTooMany = errors.New("too many items would be deleted")
	// ErrEmptySource is returned when something would have to go for a source folder
	// with nothing in it to deliver, unless Prune.All allows that.
	ErrEmptySource = errors.New("nothing is deleted, since there is nothing to copy in")
	// ErrSourceChanged: by now a source folder may not have what it had.
	ErrSourceChanged = errors.New("the folder it was copied from has changed since, so nothing is deleted in it")
	// ErrMounted keeps a removal inside of one mount.
	ErrMounted = errors.New("something else is mounted there")
)

// Prune says what is to be removed from a destination after a delivery: what
// stands in folders that were delivered whole, and not in those folders.
//
// A name that a source folder has by now is left alone, whatever it is, and so
// is what Select leaves out, names of state folders at any depth, and a folder with
// something in it that stays. No link is followed on the way to what is removed,
// and nothing removed that is mounted there.
type Prune struct {
	Sources []PruneSource
	Select  tree.Selection // of the delivery, without a List
	Follow  bool           // as tree.Walk.Follow of the delivery
	Devices bool           // FIFOs, sockets and devices were delivered too
	Max     int64          // items; if there are more, none is removed
	All     bool           // also for a source with nothing in it, see ErrEmptySource
	// Keep names paths, relative to the destination, that are left alone too. May
	// be nil.
	Keep func(path string) bool
	// Backup, if it is not nil, has what is no folder kept under another name.
	Backup *PruneBackup

	// What became of an item is told as it happens, from the goroutine that called Prune
	// and under no lock. A Rehearsal tells what would become of it.
	Removed func(path string, info tree.Info)
	Failed  func(path string, err error) // it stays, though it should not
	Left    func(path string)            // a folder stays for what is in it
}

// PruneSource is a top-level item of the delivery.
type PruneSource struct {
	Path string    // as the user calls it, for errors
	Name string    // at the destination; empty for the contents of a folder
	Dir  *tree.Dir // nil for what is no folder
	// Before is what the source was before the delivery. A folder that has another
	// mtime now may be another file system, or have lost what was in it.
	Before tree.Info
}

// Prune removes what p says, after the delivery and before Close, and with it what
// MakeWay had moved aside. All of it is counted first. Folders in which something was
// removed keep their mtime and are synced. Errors: ErrTooMany, ErrEmptySource, the Kind
// storage.Gone, or the cause of ctx. An error about one item goes to p.Failed.
func (f *Folder) Prune(ctx context.Context, p *Prune) error {
	if err := f.site.present(); err != nil {
		return err
	}
	if p.Backup != nil {
		p.Backup.folder = f.backups
	}
	for _, mode := range []pruneMode{pruneCount, pruneRemove} {
		run := pruneRun{Prune: p, ctx: ctx, mode: mode, sync: f.syncDir, told: f.dress.untimed.told, times: f.dress.times}
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
	*Prune
	ctx    context.Context
	mode   pruneMode
	sync   func(*tree.Dir) error     // nil: nothing is synced
	told   func(tree.Info) tree.Time // see untimed; nil when rehearsing
	times  *times                    // nil when rehearsing
	prefix string                    // goes before the paths of the current source, empty or with a slash
	n      int64                     // items that go
	beside int64                     // those of them of which a backup stays in their folder
}

// twin is a source folder beside a folder of the destination.
type twin struct {
	path  string // of a source itself, as the user calls it
	dir   *tree.Dir
	rules tree.Rules // for what is in it; nil leaves out nothing
	dev   uint64     // of the source
	names []tree.DirName
}

func (r *pruneRun) run(root *tree.Dir) error {
	reserved := make(map[string]bool)
	var contents []twin
	whole := true
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name != "" {
			reserved[s.Name] = true
			continue
		}
		t, ok := r.source(s)
		contents, whole = append(contents, t), whole && ok
	}
	if whole && len(contents) > 0 {
		if err := r.folder(root, contents, "", reserved); err != nil {
			return err
		}
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name == "" || s.Dir == nil {
			continue
		}
		info, err := root.Lstat(s.Name)
		if errors.Is(err, fs.ErrNotExist) && r.mode == pruneRehearse || err == nil && info.Kind != tree.Folder {
			continue
		}
		if err != nil {
			r.failed(s.Name, err)
			continue
		}
		if t, ok := r.source(s); ok {
			r.prefix = s.Name + "/"
			if err := r.folder(root.Child(s.Name), []twin{t}, "", nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// source is the twin of a top-level folder, if that is what was delivered.
func (r *pruneRun) source(s *PruneSource) (t twin, ok bool) {
	at := s.Name
	if at == "" {
		at = "."
	}
	now, err := s.Dir.Stat()
	if err == nil && r.mode != pruneRehearse && now.MTime != s.Before.MTime {
		err = ErrSourceChanged
	}
	t = twin{path: s.Path, dir: s.Dir, dev: now.Dev, rules: r.Select.Rules}
	if err == nil {
		err = r.enter(&t, "")
	}
	if err != nil {
		r.failed(at, err)
	}
	return t, err == nil
}

// refuseEmpty keeps what is at the destination of a source folder that has nothing to
// deliver: more often than not its disk is not mounted, or the wrong one is.
func (r *pruneRun) refuseEmpty(twins []twin) error {
	if r.All {
		return nil
	}
	for i := range twins {
		t := &twins[i]
		if !slices.ContainsFunc(t.names, func(n tree.DirName) bool { return r.delivers(t, n) }) {
			return fmt.Errorf("%w %s", ErrEmptySource, t.path)
		}
	}
	return nil
}

// delivers reports whether a name in a source is not left out.
func (r *pruneRun) delivers(t *twin, n tree.DirName) bool {
	if tree.IsStateName(n.Name) {
		return false
	}
	kind := n.Kind
	sized := r.Select.Sizes != (tree.SizeRange{})
	if kind == 0 || kind == tree.File && sized {
		info, err := t.dir.Lstat(n.Name)
		if err != nil || info.Kind == tree.File && r.Select.Sizes.Excludes(info.Size) != "" {
			return false
		}
		kind = info.Kind
	}
	if kind == tree.KindOther && !r.Devices {
		return false
	}
	return !t.leavesOut(n.Name, kind == tree.Folder)
}

// enter takes the rule file of a source folder at rel for what is in it.
func (r *pruneRun) enter(t *twin, rel string) error {
	rules, err := r.Select.Enter(t.rules, t.dir, rel, rel)
	if err == nil {
		t.rules = rules
	}
	return err
}

// leavesOut reports whether a rule leaves out the item at rel, its path below the
// source.
func (t *twin) leavesOut(rel string, folder bool) bool {
	if t.rules == nil {
		return false
	}
	out, _ := t.rules.Match(rel, folder)
	return out
}

// kept reports whether an item is left alone whether a source has it or not. rel
// is its path below the source.
func (r *pruneRun) kept(twins []twin, rel string, folder bool) bool {
	for i := range twins {
		if twins[i].leavesOut(rel, folder) {
			return true
		}
	}
	return r.Keep != nil && r.Keep(r.prefix+rel)
}

// isSource reports whether an item is one of the sources, where the system has
// identities to tell by.
func (r *pruneRun) isSource(info tree.Info) bool {
	for i := range r.Sources {
		if s := &r.Sources[i]; s.Before.Ino != 0 && s.Before.SameFile(info) {
			return true
		}
	}
	return false
}

// take counts one more item that goes.
func (r *pruneRun) take() error {
	r.n++
	if r.mode == pruneRehearse {
		return nil // all of them are told
	}
	return r.tooMany()
}

func (r *pruneRun) tooMany() error {
	switch {
	case r.n <= r.Max:
		return nil
	case r.mode == pruneRehearse:
		return fmt.Errorf("%w: %d, and %d are allowed", ErrTooMany, r.n, r.Max)
	}
	return fmt.Errorf("%w: more than the %d that are allowed", ErrTooMany, r.Max)
}

// failed tells of an item that stays, in the pass that is to remove it.
func (r *pruneRun) failed(path string, err error) {
	if r.mode != pruneCount {
		r.Failed(path, fail("deleting", path, err))
	}
}
