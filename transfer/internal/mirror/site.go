package mirror

import (
	"io/fs"
	"slices"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// disk is a folder on disk.
type disk struct{ dir *tree.Dir }

func (d disk) stat() (tree.Info, error)      { return d.dir.Stat() }
func (d disk) list() ([]tree.DirName, error) { return d.dir.ReadNames() }

func (d disk) find(name string, follow bool) (tree.Info, error) {
	if follow {
		return d.dir.FollowStat(name)
	}
	return d.dir.Lstat(name)
}

func (d disk) child(name string, follow bool) site {
	if follow {
		return disk{d.dir.FollowChild(name)}
	}
	return disk{d.dir.Child(name)}
}

func (d disk) enter(s *tree.Selection, outer tree.Rules, rel string) (tree.Rules, error) {
	return s.Enter(outer, d.dir, rel, rel)
}

// openAway is Open for what is away.
func openAway(p storage.PruneSource, from tree.Away, rules *Rules) (storage.PruneSource, error) {
	top, err := from.Top()
	if err == nil {
		err = top.Err
	}
	if err != nil || top.Info.Kind != tree.Folder {
		return p, err
	}
	before, err := (&away{top: top}).stat()
	at := &origin{rules, p.Path, before}
	p.Folder = func() storage.SourceFolder { return &folder{at: at, site: &away{top: top}} }
	return p, err
}

// away is a folder of a tree.Away. What it was seen to have last is believed: to ask about
// each name again would be a request for each.
type away struct {
	top   tree.Found
	found []tree.Found // what list saw, in the order of the names
}

func (a *away) stat() (tree.Info, error) {
	if a.top.Folder == nil {
		return tree.Info{}, fs.ErrNotExist
	}
	info, err := a.top.Folder.Stat()
	if err != nil || a.top.Item == nil {
		return info, err
	}
	// A walk looks as well, and tells the folder as it was listed if that fails.
	if whole, err := a.top.Item.Look()(); err == nil && whole.Kind == tree.Folder {
		return whole, nil
	}
	return info, nil
}

func (a *away) list() ([]tree.DirName, error) {
	var names []tree.DirName
	a.found = a.found[:0]
	for f, err := range a.top.Folder.Names() {
		if err != nil {
			return nil, err
		}
		if f.Err == nil {
			a.found = append(a.found, f)
			names = append(names, tree.DirName{Name: f.Name, Kind: f.Info.Kind})
		}
	}
	return names, nil
}

func (a *away) seen(name string) (tree.Found, bool) {
	at, listed := slices.BinarySearchFunc(a.found, name, func(f tree.Found, name string) int { return strings.Compare(f.Name, name) })
	if !listed {
		return tree.Found{}, false
	}
	return a.found[at], true
}

func (a *away) find(name string, _ bool) (tree.Info, error) {
	f, there := a.seen(name)
	if !there {
		return tree.Info{}, fs.ErrNotExist
	}
	return f.Info, nil
}

// child is a folder in it, which most often was listed.
func (a *away) child(name string, _ bool) site {
	f, there := a.seen(name)
	if !there && a.top.Folder != nil {
		if found, err := a.top.Folder.Find(name); err == nil && found.Err == nil {
			f = found
		}
	}
	return &away{top: f}
}

func (a *away) enter(s *tree.Selection, outer tree.Rules, rel string) (tree.Rules, error) {
	if a.top.Folder == nil {
		return nil, fs.ErrNotExist
	}
	return s.EnterAway(outer, a.top.Folder, rel, rel)
}
