package dest

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// maxLitterAge is how long a file in the state folder is kept that no delivery claims,
// counted from its last change.
const maxLitterAge = 30 * 24 * time.Hour

// leftovers returns what stands in the state folders and belongs to no delivery
// that goes on, here or in another process. Files of ours that are older than 30 days,
// or that serve no run, are removed and not returned.
func (f *Folder) leftovers() ([]storage.Leftover, error) {
	claimed := make(map[string]bool)
	for _, p := range f.work.all() {
		claimed[p.key], claimed[strings.TrimSuffix(p.body.nameNow(), tempSuffix)] = true, true
	}
	var left []storage.Leftover
	for _, v := range f.volumes.all() {
		names, err := v.state.leftovers(f.now(), claimed)
		if err != nil {
			return nil, fail("looking for leftovers in", path.Join(v.state.base.Path(), tree.PartialName), err)
		}
		for _, at := range names {
			if !f.way.open() || !isAside(at) { // which Prune is about to remove
				left = append(left, storage.Leftover{Path: at, Aside: isAside(at)})
			}
		}
	}
	slices.SortFunc(left, func(a, b storage.Leftover) int { return strings.Compare(a.Path, b.Path) })
	return left, nil
}

// leftovers returns the leftovers in the state folders of one volume.
func (s *stateFolder) leftovers(now time.Time, claimed map[string]bool) (left []string, err error) {
	dirs, err := s.all()
	for _, dir := range dirs {
		names, e := leftIn(dir, now, claimed, s.short)
		left, err = append(left, names...), errors.Join(err, e)
	}
	return left, err
}

func leftIn(dir *tree.Dir, now time.Time, claimed map[string]bool, short *shortfall) (left []string, err error) {
	names, err := dir.ReadNames()
	if err != nil {
		return nil, err
	}
	held := make(map[string]bool)
	for _, n := range names { // a part comes before its tree
		key, suffix, ours := parseName(n.Name)
		if ours && (claimed[key] || held[key]) {
			continue
		}
		gone := false
		if ours {
			keep := maxLitterAge
			if suffix == treeSuffix && alone(dir, key) {
				keep = 0
			}
			gone, held[key], err = sweep(dir, n.Name, suffix, now, keep)
			switch {
			case err == nil:
			case tree.Failing(err):
				return nil, err
			default:
				short.leftover(dir.Path(), err)
			}
		}
		if !gone && !held[key] {
			left = append(left, path.Join(dir.Path(), n.Name))
		}
	}
	return left, nil
}

// alone reports that a tree has no part, as a run leaves it that was killed
// between publication and clearing up: no run will have a use for it.
func alone(dir *tree.Dir, key string) bool {
	_, err := dir.Lstat(key + partSuffix)
	return errors.Is(err, fs.ErrNotExist)
}

// sweep removes one of our files if it is older than keep (0: at any age) and no delivery
// holds it. Gone with an error: it should be gone, and stays. Seal sets the mtime to the
// source's, so that only the change time tells the age.
func sweep(dir *tree.Dir, name, suffix string, now time.Time, keep time.Duration) (gone, held bool, err error) {
	info, err := dir.Lstat(name)
	if err != nil {
		return true, false, ignoreAbsent(err)
	}
	if info.Kind != tree.File {
		return false, false, nil
	}
	if suffix == partSuffix {
		// Only asked for reading, and so with its mode as it is.
		file, _, err := dir.OpenFile(name)
		if err == nil {
			defer file.Close() // and with that unlocked
			if err := lock(file); errors.Is(err, storage.ErrLocked) {
				return false, true, nil
			}
		}
	}
	changed := info.CTime
	if changed == (tree.Time{}) {
		changed = info.MTime
	}
	if keep > 0 && now.Sub(changed.Std()) <= keep {
		return false, false, nil
	}
	return true, false, ignoreAbsent(dir.Remove(name, false))
}
