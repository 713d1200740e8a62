package dest

import (
	"os"
	"sync"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// dresser gives items the metadata of their entries, as far as was granted. Its methods
// may be called at the same time once granted is set, which Folder.Start does.
type dresser struct {
	granted  tree.Metadata
	accounts *tree.Accounts
	times    *times
	held     holders
	untimed  untimed
}

// apply is the metadata of e as it is to be applied to an item that stands in the
// folder in already; in is nil for the destination itself.
func (d *dresser) apply(in *node, e *tree.Entry) *tree.Apply {
	a := &tree.Apply{Mode: e.Mode, MTime: e.MTime, Extra: e.Extra, Granted: d.granted, Accounts: d.accounts}
	if in != nil {
		a.Doubt = in.vol.doubts(e)
		if !d.granted.Xattrs && e.Kind != tree.Symlink {
			a.Inherit = in.gives()
		}
	}
	return a
}

// applyNew is apply for an item that this delivery made.
func (d *dresser) applyNew(in *node, e *tree.Entry) *tree.Apply {
	a := d.apply(in, e)
	a.Fresh = true
	return a
}

// birthMode is the mode that a file without a name is made with: most often the
// one it is to have, which then need not be set. Nobody can open it yet.
func (d *dresser) birthMode(e *tree.Entry) uint32 {
	mode := d.granted.Permissions(e.Mode, 0)
	if mode&0o600 != 0o600 {
		return 0o600 // its owner may have to set attributes first
	}
	return mode
}

// folderMode is the mode that a folder is made with. Its owner may write to it
// until it is finished, whatever e.Mode says.
func (d *dresser) folderMode(e *tree.Entry) uint32 { return 0o700 | d.granted.Permissions(e.Mode, 0) }

// strip takes all attributes off a part that an earlier run began: that run may
// have had more granted.
func (d *dresser) strip(file *os.File, e *tree.Entry) ([]tree.Loss, error) {
	if d.granted.Xattrs && d.granted.System {
		return nil, nil // then it gets exactly those told
	}
	a := &tree.Apply{Mode: 0o600, MTime: e.MTime, Granted: tree.Metadata{Xattrs: true, System: true}, Fresh: true}
	return a.ToFile(file)
}

// applyTo is tree.Apply.ToName, but for a link that would be followed.
func (d *dresser) applyTo(v *volume, dir *tree.Dir, name string, seen tree.Info, a *tree.Apply) ([]tree.Loss, error) {
	if seen.Kind == tree.Symlink && v.followsLinks() {
		return a.Unapplied(seen, errFollows), nil
	}
	return a.ToName(dir, name, seen)
}

// applyStaged gives the item that was made for e in n, as temp in the state folder dir,
// e's metadata, and returns what it is then.
func (d *dresser) applyStaged(n *node, dir *tree.Dir, temp string, e *tree.Entry) (made tree.Info, lost []tree.Loss, err error) {
	if made, err = dir.Lstat(temp); err != nil {
		return made, nil, err
	}
	if lost, err = d.applyTo(n.vol, dir, temp, made, d.applyNew(n, e)); err != nil {
		return made, lost, err
	}
	made, err = dir.Lstat(temp)
	return made, lost, err
}

// adjust gives what stands at e's name, which is the same as e, e's metadata, by
// apply. What has it all already is left alone. An item that has further names which
// are not e's is left alone too: renew gives e one of its own then.
func (d *dresser) adjust(n *node, e *tree.Entry, apply func(seen tree.Info, a *tree.Apply) ([]tree.Loss, error),
	renew func(before tree.Info) ([]tree.Loss, error)) (out storage.Outcome, err error) {
	out.Same = true
	before, err := tree.StateOf(n.dir, e.Name, d.granted)
	if err != nil {
		return out, err
	}
	a := d.apply(n, e)
	then, whole := a.Outcome(&before)
	if e.Kind != tree.File {
		// A file's time is set again: that it was found the same is then seen to be
		// long after the time, see times.trust.
		d.times.settle(&then, &before)
	}
	good := whole && then.SameMetadata(&before) && (e.Kind != tree.File || before.Kind == tree.File)
	mine := d.held.takes(e, before.Info, e.Linked && d.granted.HardLinks, !good)
	switch {
	case good:
		return out, nil
	case mine || e.Kind == tree.File && before.Kind != tree.File:
		out.Lost, err = apply(before.Info, a)
	default:
		out.Lost, err = renew(before.Info)
	}
	if err != nil {
		return out, err
	}
	after, err := tree.StateOf(n.dir, e.Name, d.granted)
	if tree.KeptTime(before.MTime, e.MTime) && tree.KeptTime(after.MTime, e.MTime) {
		after.MTime = before.MTime // exfat-fuse forgets the odd second later
	}
	out.Adjusted = err == nil && !after.SameMetadata(&before)
	return out, err
}

// holders tells which entry an item of several names that was there belongs to. The
// names of one item have one mode, owner and time: what one entry is given, all get.
type holders struct {
	mu    sync.Mutex
	items map[fileID]uint64 // entry ids; at most tree.MaxHardLinks
}

// takes reports whether e may have the item, which info is of, to change it: no
// other name of it is known to be another entry's. Linked says that hard links to e
// come, which the item's other names may then be.
func (h *holders) takes(e *tree.Entry, info tree.Info, linked, change bool) bool {
	if info.Nlink < 2 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := fileID{info.Dev, info.Ino}
	by, held := h.items[id]
	switch {
	case held:
		return by == e.ID
	case change && !linked:
		return false
	case len(h.items) >= tree.MaxHardLinks:
		return false
	}
	h.items[id] = e.ID
	return true
}

// fileID tells one item of the destination from all others.
type fileID struct{ dev, ino uint64 }

// addLosses adds to lost what of more is of another kind.
func addLosses(lost, more []tree.Loss) []tree.Loss {
	for _, l := range more {
		if !hasLost(lost, l.What) {
			lost = append(lost, l)
		}
	}
	return lost
}
