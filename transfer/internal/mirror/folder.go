package mirror

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Rules say how a walk goes through the sources, as far as that tells what they have.
type Rules struct {
	Select  tree.Selection // without a List
	Follow  bool           // as tree.Walk.Follow
	Devices bool           // FIFOs, sockets and devices are delivered too
	DryRun  bool           // what changed meanwhile does not matter
}

// Open makes a PruneSource of a source that is no stream. It is called before the delivery;
// the folder is found through dirs, and stays open there. A source that is taken away
// meanwhile must not look like an empty one.
func Open(dirs *tree.Dirs, src tree.Source, rules *Rules) (storage.PruneSource, error) {
	p := storage.PruneSource{Path: src.Path, Name: src.Name}
	if src.Contents {
		p.Name = ""
	}
	if src.Away != nil {
		return openAway(p, src.Away, rules)
	}
	if src.Within != nil {
		return openWithin(p, dirs, src, rules)
	}
	look := os.Lstat
	if rules.Follow || src.Contents {
		look = os.Stat
	}
	info, err := look(src.Path)
	if err != nil || !info.IsDir() {
		return p, err
	}
	dir, err := dirs.Open(src.Path)
	if err != nil {
		return p, err
	}
	return opened(p, dir, src, rules)
}

// opened completes p, whose folder is dir.
func opened(p storage.PruneSource, dir *tree.Dir, src tree.Source, rules *Rules) (_ storage.PruneSource, err error) {
	if p.Before, err = dir.Stat(); err == nil {
		at := &origin{rules, src.Path, p.Before}
		p.Folder = func() storage.SourceFolder { return &folder{at: at, site: disk{dir}} }
	}
	return p, err
}

// openWithin is Open for a source with Within. Another folder in its place is noticed, since
// dirs knows the one that was seen first.
func openWithin(p storage.PruneSource, dirs *tree.Dirs, src tree.Source, rules *Rules) (storage.PruneSource, error) {
	if src.Contents {
		dir, err := src.Within.Folder(dirs)
		if err != nil {
			return p, err
		}
		return opened(p, dir, src, rules)
	}
	in, base, err := src.Within.Item(dirs)
	if err != nil {
		return p, err
	}
	if info, err := in.Lstat(base); err != nil || info.Kind != tree.Folder {
		return p, err
	}
	return opened(p, in.Child(base), src, rules)
}

// folder is a folder of a source that this side has: a storage.SourceFolder.
type folder struct {
	at     *origin
	site   site
	parent *folder // nil: it is the source itself
	rel    string  // below the source
	rules  tree.Rules
	ruled  bool // rules has the folder's own
	names  []tree.DirName
}

// site is where a folder is: on disk, or away.
type site interface {
	// stat tells what the folder is.
	stat() (tree.Info, error)
	// list returns the names in it, in the order of their bytes.
	list() ([]tree.DirName, error)
	// find tells what has a name, and with follow of what is no link what it leads to. What
	// has none is fs.ErrNotExist.
	find(name string, follow bool) (tree.Info, error)
	child(name string, follow bool) site
	// enter is tree.Selection.Enter.
	enter(s *tree.Selection, outer tree.Rules, rel string) (tree.Rules, error)
}

// origin is the source that a folder is in.
type origin struct {
	*Rules
	path   string // as the user calls it
	before tree.Info
}

// Look is storage.SourceFolder's.
func (f *folder) Look() (look storage.FolderLook, err error) {
	now, err := f.site.stat()
	if err != nil {
		return look, err
	}
	look.MTime = now.MTime
	if f.parent == nil {
		look.Path = f.at.path
		if !f.at.DryRun && now.MTime != f.at.before.MTime {
			return look, storage.ErrSourceChanged
		}
	} else if f.at.Select.OneFileSystem && now.Dev != f.at.before.Dev {
		look.Foreign = true
		return look, nil
	}
	f.ruled = false // its rule file may be another one than before
	if err = f.enter(); err == nil {
		f.names, err = f.site.list()
	}
	look.Names = f.names
	return look, err
}

// enter takes the rule files of the folder, and of those above.
func (f *folder) enter() error {
	if f.ruled {
		return nil
	}
	outer := f.at.Select.Rules
	if f.parent != nil {
		if err := f.parent.enter(); err != nil {
			return err
		}
		outer = f.parent.rules
	}
	rules, err := f.site.enter(&f.at.Select, outer, f.rel)
	f.rules, f.ruled = rules, err == nil
	return err
}

// Find is storage.SourceFolder's. A name that is not in a list of names, read a moment ago,
// may have come since.
func (f *folder) Find(name string) (tree.Kind, error) {
	if at, listed := find(f.names, name); listed {
		if kind := f.names[at].Kind; kind != 0 && !(f.at.Follow && kind == tree.Symlink) {
			return kind, nil
		}
	}
	info, err := f.site.find(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil && f.at.Follow && info.Kind == tree.Symlink {
		if end, err := f.site.find(name, true); err == nil {
			return end.Kind, nil
		}
	}
	return info.Kind, err
}

// Delivers is storage.SourceFolder's.
func (f *folder) Delivers() bool { return slices.ContainsFunc(f.names, f.delivers) }

// delivers reports whether a name is not left out.
func (f *folder) delivers(n tree.DirName) bool {
	if tree.IsStateName(n.Name) {
		return false
	}
	kind, sizes := n.Kind, f.at.Select.Sizes
	if kind == 0 || kind == tree.File && sizes != (tree.SizeRange{}) {
		info, err := f.site.find(n.Name, false)
		if err != nil || info.Kind == tree.File && sizes.Excludes(info.Size) != "" {
			return false
		}
		kind = info.Kind
	}
	if kind == tree.KindOther && !f.at.Devices {
		return false
	}
	out, _ := f.LeavesOut(n.Name, kind == tree.Folder)
	return !out
}

// LeavesOut is storage.SourceFolder's.
func (f *folder) LeavesOut(rel string, folder bool) (bool, error) {
	if f.rules == nil {
		return false, nil
	}
	out, _ := f.rules.Match(rel, folder)
	return out, nil
}

// Child is storage.SourceFolder's.
func (f *folder) Child(name string) storage.SourceFolder { return f.child(name) }

func (f *folder) child(name string) *folder {
	rel := name
	if f.rel != "" {
		rel = f.rel + "/" + name
	}
	return &folder{at: f.at, site: f.site.child(name, f.at.Follow), parent: f, rel: rel}
}

// find returns where name is in a list in the order of bytes.
func find(names []tree.DirName, name string) (at int, listed bool) {
	return slices.BinarySearchFunc(names, name, func(n tree.DirName, name string) int { return strings.Compare(n.Name, name) })
}

// Keeping tells which paths of a destination stay, whatever the sources have: those that
// keep names, and the folder for backups with what is in it, and what it is in.
func Keeping(keep func(path string) bool, backups string) func(path string) bool {
	return func(at string) bool {
		if backups != "" && (strings.HasPrefix(at, backups+"/") || strings.HasPrefix(backups+"/", at+"/")) {
			return true
		}
		return keep != nil && keep(at)
	}
}
