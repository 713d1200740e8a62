package dest

import (
	"slices"
	"sync"

	"ferry/transfer/tree"
)

// applyFolder gives n the metadata of its entry. A folder that stood there before may
// belong to another user, and take items from this one: its mode and mtime are lost then.
func (d *dresser) applyFolder(n *node) (lost []tree.Loss, err error) {
	a := d.apply(n.within, n.entry)
	a.Doubt = n.vol.doubts(n.entry)
	a.Fresh = !n.existed
	lost, err = a.ToFolder(n.dir)
	if err == nil && hasLost(lost, tree.AttrTime) {
		var now tree.Info
		if now, err = n.dir.Stat(); err == nil {
			d.untimed.note(now, n.entry.MTime)
		}
	}
	return lost, err
}

// foresee tells whether applyFolder will change the metadata of n, which was there.
func (d *dresser) foresee(n *node) bool {
	if n.before == nil {
		return false
	}
	then := folderOutcome(d.apply(n.within, n.entry), n.before)
	d.times.settle(&then, n.before)
	return !then.SameMetadata(n.before)
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

// maxUntimed bounds what is remembered of folders whose mtime could not be set.
const maxUntimed = 1 << 16

// untimed remembers the mtime that a folder of the destination should have, and cannot be
// given: Prune looks by it whether the source is still the same.
type untimed struct {
	mu    sync.Mutex // guards what follows
	times map[fileID]tree.Time
}

func (u *untimed) note(info tree.Info, mtime tree.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.times == nil {
		u.times = make(map[fileID]tree.Time)
	}
	if len(u.times) < maxUntimed {
		u.times[fileID{info.Dev, info.Ino}] = mtime
	}
}

// noteKept notes the mtime of a folder that not every file system can keep. A file system
// that cannot gives the folder the first or the last time that it has.
func (u *untimed) noteKept(n *node) {
	if told := n.entry.MTime; told.Sec < oldest || told.Sec >= latest {
		if now, err := n.dir.Stat(); err == nil && now.MTime != told {
			u.note(now, told)
		}
	}
}

// told is the mtime that the folder which info is of was told.
func (u *untimed) told(info tree.Info) tree.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t, ok := u.times[fileID{info.Dev, info.Ino}]; ok {
		return t
	}
	return info.MTime
}

// From oldest to before latest, in seconds since 1970, every file system has times:
// FAT begins with 1980 in any time zone, 32 bits end in 2038.
const oldest, latest = 315532800 + 24*3600, 1<<31 - 24*3600
