package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// backups keeps what is about to be replaced or pruned: storage.Backups. An item gets its
// further name first, as a hard link, so that at each moment it has one of both.
type backups struct {
	nodes   *nodes
	volumes *volumes
	// root is the folder for backups; nil: they stand beside what they are of. Set by open.
	root *tree.Dir
	self tree.Info // of root
	vol  *volume   // of root

	mu   sync.Mutex
	last *tree.Dir // a folder of root that is to be synced
}

// errElsewhere: a backup is a second name of an item.
var errElsewhere = fmt.Errorf("the folder for backups is on another file system: %w", syscall.EXDEV)

// open makes the folder for backups, if one is wanted. In a path that stays below the
// destination no link is followed: what is in it may have come from anywhere.
func (b *backups) open(f *Folder, path string) error {
	if b.vol = f.nodes.root.vol; path == "" {
		return nil
	}
	if slices.ContainsFunc(strings.Split(filepath.ToSlash(path), "/"), tree.IsStateName) {
		return fmt.Errorf("%s: %w: %w", path, tree.ErrName, tree.ErrOwnState) // what is in those is cleared
	}
	dir := f.nodes.root.dir
	if filepath.IsLocal(path) {
		for name := range strings.SplitSeq(filepath.ToSlash(filepath.Clean(path)), "/") {
			if err := b.enter(&dir, name); err != nil {
				return err
			}
		}
	} else {
		if !filepath.IsAbs(path) {
			path = filepath.Join(f.site.path, path)
		}
		_, err := makeMissing(path)
		if err == nil {
			dir, err = f.dirs.Open(path)
		}
		if err != nil {
			return err
		}
	}
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	at, err := f.nodes.root.dir.Stat()
	switch {
	case err == nil && at.Dev != info.Dev:
		err = errElsewhere
	case err == nil && at.Ino != 0 && at.SameFile(info):
		err = errors.New("the folder for backups is the destination itself")
	}
	b.root, b.self = dir, info
	return err
}

// enter goes to the folder name in dir, and makes it if it is not there, for this user
// alone.
func (b *backups) enter(dir **tree.Dir, name string) error {
	in := *dir
	*dir = in.Child(name)
	err := in.Mkdir(name, 0o700)
	if err == nil {
		return b.vol.sync.owe(in)
	}
	if errors.Is(err, fs.ErrExist) {
		_, err = (*dir).Stat() // a folder, and no link
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// is tells whether info is of the folder for backups.
func (b *backups) is(info tree.Info) bool {
	return b.root != nil && b.self.Ino != 0 && b.self.SameFile(info)
}

// Keep is storage.Backups'.
func (b *backups) Keep(e *tree.Entry, as string, expect *tree.Info) (now tree.Info, err error) {
	n, err := b.nodes.parent(e)
	var info tree.Info
	if err == nil {
		info, err = n.dir.Lstat(e.Name)
	}
	if err == nil && expect != nil && !n.vol.unchanged(info, *expect) {
		err = storage.ErrChanged
	}
	if err == nil {
		err = b.keep(n.dir, e.Name, as)
	}
	if err == nil {
		now, err = n.dir.Lstat(e.Name)
	}
	// Its ctime is another one, as it has one name more.
	if err == nil && (!now.SameFile(info) || now.Size != info.Size || now.MTime != info.MTime) {
		err = storage.ErrChanged
	}
	return now, b.nodes.fail("keeping a backup of", e, err)
}

// keep gives name in d, a folder at the destination, the name as too: there, or at the same
// path in the folder for backups.
func (b *backups) keep(d *tree.Dir, name, as string) error {
	if err := tree.CheckName(as); err != nil {
		return fmt.Errorf("its backup: %w", err)
	}
	info, err := d.Lstat(name)
	if err != nil {
		return err
	}
	if info.Kind == tree.Folder {
		return fmt.Errorf("a folder has that name: %w", syscall.EISDIR)
	}
	to := d
	if b.root != nil {
		to = b.root
		for folder := range strings.SplitSeq(d.Path(), "/") {
			if folder == "" {
				continue
			}
			if err := b.enter(&to, folder); err != nil {
				return fmt.Errorf("the folder %q for its backup: %w", to.Path(), err)
			}
		}
	}
	if err = d.Link(name, to, as); errors.Is(err, fs.ErrExist) {
		err = b.replace(d, name, to, as)
	}
	switch {
	case errors.Is(err, syscall.EXDEV) && b.root != nil:
		return errElsewhere
	case tree.Refused(err):
		return fmt.Errorf("its file system has no hard links, by which backups are kept: %w", errors.ErrUnsupported)
	case err == nil && b.root != nil:
		return b.owe(to)
	case err != nil:
		return fmt.Errorf("its backup %q: %w", as, err)
	}
	return nil
}

// replace gives name in d the name as in to, which an earlier backup has.
func (b *backups) replace(d *tree.Dir, name string, to *tree.Dir, as string) error {
	vol := b.vol
	if b.root == nil {
		var err error
		if vol, _, err = b.volumes.at(d); err != nil {
			return err
		}
	}
	temp := tempName()
	return vol.state.in(func(dir *tree.Dir) error {
		err := d.Link(name, dir, temp)
		if err == nil {
			err = dir.Rename(temp, to, as, true)
			// A rename between two names of one item does nothing, rename(2).
			err = errors.Join(err, ignoreAbsent(dir.Remove(temp, false)))
		}
		return err
	})
}

// owe has a folder for backups synced at the end.
func (b *backups) owe(to *tree.Dir) error {
	b.mu.Lock()
	last := b.last
	b.last = to
	b.mu.Unlock()
	if last != nil && last.Path() == to.Path() {
		return nil
	}
	return b.vol.sync.owe(to)
}

// protects tells whether an item is a backup, or what holds them, and not to be pruned. Name
// is the last of its path.
func (r *pruneRun) protects(name string, info tree.Info) bool {
	k := r.Backup
	return k != nil && (k.Suffix != "" && !k.Apart && strings.HasSuffix(name, k.Suffix) || r.backups != nil && r.backups.is(info))
}

// backUp keeps an item that is to go, unless it is no file.
func (r *pruneRun) backUp(d *tree.Dir, twins []twin, here spot, name string) error {
	k := r.Backup
	as, again := name+k.Suffix, false
	for !k.Apart && len(twins) > 0 {
		t, _, _, err := r.findStored(d, twins, as)
		if err != nil {
			return err
		}
		if t == nil && again {
			// It may be a backup of what the source has, and of this very run.
			if _, err = d.Lstat(as); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if t == nil && (!again || err != nil) {
			break
		}
		as, again = as+k.Suffix, true // the source has that name
	}
	if !k.Apart {
		r.beside++
	}
	if r.mode == pruneRemove {
		if err := r.backups.keep(d, name, as); err != nil {
			return err
		}
	}
	if r.mode != pruneCount {
		k.Kept(r.at(here), as)
	}
	return nil
}
