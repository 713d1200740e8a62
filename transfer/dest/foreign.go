package dest

import (
	"slices"

	"ferry/transfer/tree"
)

// maxUntimed bounds what is remembered of folders whose mtime could not be set.
const maxUntimed = 1 << 16

// fileID tells one folder of the destination from all others.
type fileID struct{ dev, ino uint64 }

// applyFolder gives n the metadata of its entry. Whoever may write to a folder
// that stood there already and belongs to another user can still not set its mode
// and mtime: those are lost then.
func (f *Folder) applyFolder(n *node) (lost []tree.Loss, err error) {
	a := f.apply(n.within, n.entry)
	a.Doubt = n.vol.doubts(n.entry)
	a.Fresh = !n.existed
	lost, err = a.ToFolder(n.dir)
	if err == nil && hasLost(lost, tree.AttrTime) {
		var now tree.Info
		if now, err = n.dir.Stat(); err == nil {
			f.noteUntimed(now, n.entry.MTime)
		}
	}
	return lost, err
}

// noteUntimed remembers the mtime that a folder of the destination should have,
// and cannot be given: Prune looks by it whether the source is still the same.
func (f *Folder) noteUntimed(info tree.Info, mtime tree.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.untimed) < maxUntimed {
		f.untimed[fileID{info.Dev, info.Ino}] = mtime
	}
}

// noteKept does that for a folder whose mtime is none that every file system has: one
// that has not gives it the first or the last that it has.
func (f *Folder) noteKept(n *node) {
	if told := n.entry.MTime; told.Sec < oldest || told.Sec >= latest {
		if now, err := n.dir.Stat(); err == nil && now.MTime != told {
			f.noteUntimed(now, told)
		}
	}
}

// From oldest to before latest, in seconds since 1970, every file system has times:
// FAT begins with 1980 in any time zone, 32 bits end in 2038.
const oldest, latest = 315532800 + 24*3600, 1<<31 - 24*3600

// toldTime is the mtime that a folder of the destination was told.
func (f *Folder) toldTime(info tree.Info) tree.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if t, ok := f.untimed[fileID{info.Dev, info.Ino}]; ok {
		return t
	}
	return info.MTime
}

// folderOutcome is a.Outcome for a folder that stands there already, whoever owns
// it.
func folderOutcome(a *tree.Apply, now *tree.State) tree.State {
	then, _ := a.Outcome(now)
	if !privileged() && foreign(now.Info) {
		then.Mode, then.MTime = now.Mode, now.MTime
	}
	return then
}

func hasLost(lost []tree.Loss, what tree.Attr) bool {
	return slices.ContainsFunc(lost, func(l tree.Loss) bool { return l.What == what })
}
