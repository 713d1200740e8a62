package dest

import (
	"errors"
	"os"

	"ferry/transfer/tree"
)

// Grant says what of entries' Extra, and of their mode bits 07000, is applied;
// without it nothing is. It comes before anything else. Lost, if not nil, is told
// what of an entry that is made otherwise could not be applied: when it has its
// name, of folders when they are finished, of the destination in Finish. It may
// be called from several goroutines.
func (f *Folder) Grant(m tree.Metadata, lost func(id uint64, lost []tree.Loss)) {
	f.meta, f.lost = m, lost
}

// apply is the metadata of e as it is to be applied to an item that stands in the
// folder in already; nil for the destination itself.
func (f *Folder) apply(in *node, e *tree.Entry) *tree.Apply {
	a := &tree.Apply{Mode: e.Mode, MTime: e.MTime, Extra: e.Extra, Granted: f.meta, Accounts: f.accounts}
	if in != nil {
		a.Doubt = in.vol.doubts(e)
		if !f.meta.Xattrs && e.Kind != tree.Symlink {
			a.Inherit = in.gives()
		}
	}
	return a
}

// applyNew is apply for an item that this delivery made.
func (f *Folder) applyNew(in *node, e *tree.Entry) *tree.Apply {
	a := f.apply(in, e)
	a.Fresh = true
	return a
}

// birthMode is the mode that a file without a name is made with: most often the
// one it is to have, which then need not be set. Nobody can open it yet.
func (f *Folder) birthMode(e *tree.Entry) uint32 {
	mode := f.meta.Permissions(e.Mode, 0)
	if mode&0o600 != 0o600 {
		return 0o600 // its owner may have to set attributes first
	}
	return mode
}

// folderMode is the mode that a folder is made with. Its owner may write to it
// until it is finished, whatever e.Mode says.
func (f *Folder) folderMode(e *tree.Entry) uint32 { return 0o700 | f.meta.Permissions(e.Mode, 0) }

// strip takes all attributes off a part that an earlier run began: that run may
// have had more granted.
func (p *Partial) strip(file *os.File, e *tree.Entry) ([]tree.Loss, error) {
	if p.f.meta.Xattrs && p.f.meta.System {
		return nil, nil // then it gets exactly those told
	}
	a := &tree.Apply{Mode: 0o600, MTime: e.MTime, Granted: tree.Metadata{Xattrs: true, System: true}, Fresh: true}
	return a.ToFile(file)
}

// lose tells what of an entry could not be applied.
func (f *Folder) lose(id uint64, lost []tree.Loss) {
	if len(lost) > 0 && f.lost != nil {
		f.lost(id, lost)
	}
}

// stage makes an item in the state folder, where nobody else can put another
// one under its name, and then moves it to e's. Without replace it fails with
// fs.ErrExist if that is taken. A folder is replaced only if it may make way. What
// was lost is told once it stands there.
func (f *Folder) stage(n *node, e *tree.Entry, replace bool, build func(dir *tree.Dir, temp string) ([]tree.Loss, error)) error {
	temp := tempName()
	var lost []tree.Loss
	err := n.vol.inState(func(dir *tree.Dir) (err error) {
		if lost, err = build(dir, temp); err == nil {
			if err = f.putStaged(dir, temp, n, e.Name, replace); err != nil {
				if _, gone := dir.Lstat(temp); gone == nil {
					err = n.named(e.Name, err)
				}
			}
		}
		if err != nil || replace {
			// A rename between two names of one item does nothing, rename(2).
			err = errors.Join(err, ignoreAbsent(dir.Remove(temp, false)))
		}
		return err
	})
	if err == nil {
		f.lose(e.ID, lost)
	}
	return err
}

// putStaged moves temp to name in n.
func (f *Folder) putStaged(dir *tree.Dir, temp string, n *node, name string, replace bool) error {
	if f.way != nil && replace {
		there, err := n.dir.Lstat(name)
		if err == nil && there.Kind == tree.Folder {
			return f.trade(dir, temp, n, name)
		}
	}
	return dir.Rename(temp, n.dir, name, replace)
}

// applyStaged gives the item that was made as temp e's metadata, and returns
// what it is then.
func (f *Folder) applyStaged(n *node, dir *tree.Dir, temp string, e *tree.Entry) (made tree.Info, lost []tree.Loss, err error) {
	if made, err = dir.Lstat(temp); err != nil {
		return made, nil, err
	}
	if lost, err = f.applyTo(n.vol, dir, temp, made, f.applyNew(n, e)); err != nil {
		return made, lost, err
	}
	made, err = dir.Lstat(temp)
	return made, lost, err
}

// OnAdjusted has tell called, from any goroutine, for each entry that was found
// the same and whose metadata the call that settles it changed. It comes before
// anything else.
func (f *Folder) OnAdjusted(tell func(id uint64)) { f.adjusted = tell }

func (f *Folder) adjustedIf(changed bool, e *tree.Entry) {
	if changed && f.adjusted != nil {
		f.adjusted(e.ID)
	}
}

// adjust gives what stands at e's name, which is the same as e, e's metadata, by
// apply. What has it all already is left alone, and so is an item that has further
// names which are not e's: e gets one of its own then.
func (f *Folder) adjust(n *node, e *tree.Entry, apply func(seen tree.Info, a *tree.Apply) ([]tree.Loss, error)) error {
	before, err := tree.StateOf(n.dir, e.Name, f.meta)
	if err != nil {
		return err
	}
	a := f.apply(n, e)
	then, whole := a.Outcome(&before)
	if e.Kind != tree.File {
		// A file's time is set again: that it was found the same is then seen to be
		// long after the time, see times.trust.
		f.times.settle(&then, &before)
	}
	good := whole && then.SameMetadata(&before) && (e.Kind != tree.File || before.Kind == tree.File)
	mine := f.held.takes(e, before.Info, e.Linked && f.meta.HardLinks, !good)
	switch {
	case good:
		return nil
	case mine || e.Kind == tree.File && before.Kind != tree.File:
		var lost []tree.Loss
		if lost, err = apply(before.Info, a); err == nil {
			f.lose(e.ID, lost)
		}
	default:
		err = f.renew(n, e, before.Info)
	}
	if err != nil {
		return err
	}
	after, err := tree.StateOf(n.dir, e.Name, f.meta)
	if tree.KeptTime(before.MTime, e.MTime) && tree.KeptTime(after.MTime, e.MTime) {
		after.MTime = before.MTime // exfat-fuse forgets the odd second later
	}
	f.adjustedIf(err == nil && !after.SameMetadata(&before), e)
	return err
}

// metadataOnly gives what stands at e's name, and seen is of, e's metadata.
func (f *Folder) metadataOnly(n *node, e *tree.Entry, seen tree.Info) error {
	err := f.adjust(n, e, func(_ tree.Info, a *tree.Apply) ([]tree.Loss, error) { return f.applyTo(n.vol, n.dir, e.Name, seen, a) })
	if err != nil {
		return err
	}
	if !e.Linked {
		return nil
	}
	return f.remembered(e)
}
