package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// errNoTarget: what the link is to is not here, or was not remembered.
var errNoTarget = fmt.Errorf("the item that it is a hard link to is not there: %w", errors.ErrUnsupported)

// noHardLinks is what FAT and exFAT mean by err.
type noHardLinks struct{ err error }

func (e noHardLinks) Error() string { return "the file system makes no hard links: " + e.err.Error() }
func (e noHardLinks) Unwrap() error { return errors.ErrUnsupported }

// target is where an item is that hard links may come to.
type target struct {
	dir  *tree.Dir
	name string
	info tree.Info // as it was put there
}

// is reports whether info, of something on v, is of the item. The number alone may be
// another's by now, once the item is removed.
func (t *target) is(v *volume, info tree.Info) bool {
	return info.SameFile(t.info) && (v.doubtful || info.MTime == t.info.MTime) && t.like(info)
}

// like is is for what was linked to it just now, on a file system that numbers names and
// not items, as sshfs does.
func (t *target) like(info tree.Info) bool {
	return info.Kind == t.info.Kind && info.Special == t.info.Special && info.Size == t.info.Size &&
		tree.KeptTime(info.MTime, t.info.MTime) // which sshfs shows as it was set for a while
}

// maxEqual bounds the files that equal reads, so that it takes seconds.
const maxEqual = 64 << 20

// equal reports whether name in d, which there is of, is like the item and has what it
// has. A larger file is not known to.
func (t *target) equal(d *tree.Dir, name string, there tree.Info) bool {
	if !t.like(there) || there.Major != t.info.Major || there.Minor != t.info.Minor {
		return false
	}
	switch there.Kind {
	case tree.File:
		if there.Size > maxEqual {
			return false
		}
		buf := alignedBuffer()
		a, err := digestIn(t.dir, t.name, buf)
		if err != nil {
			return false
		}
		b, err := digestIn(d, name, buf)
		return err == nil && a == b
	case tree.Symlink:
		a, err := t.dir.Readlink(t.name)
		if err != nil {
			return false
		}
		b, err := d.Readlink(name)
		return err == nil && a == b
	}
	return true
}

func digestIn(d *tree.Dir, name string, buf []byte) (checksum.Digest, error) {
	file, _, err := d.OpenFile(name)
	if err != nil {
		return checksum.Digest{}, err
	}
	defer file.Close() // read only
	return digestOf(file, buf)
}

// remembered takes note that the entry e, with Linked, is what stands under its
// name, for hard links to it.
func (f *Folder) remembered(e *tree.Entry) error {
	n, err := f.parent(e)
	if err != nil {
		return fail("looking at", e.Name, err)
	}
	info, err := n.dir.Lstat(e.Name)
	if err != nil {
		return f.fail("looking at", e, err)
	}
	f.remember(e, n, e.Name, info)
	return nil
}

// remember notes nothing beyond the table's limit, which is the protocol's: a
// link to such an item then fails.
func (f *Folder) remember(e *tree.Entry, n *node, name string, info tree.Info) {
	if !e.Linked || !f.meta.HardLinks || info.Kind == tree.Folder {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.targets) < tree.MaxHardLinks {
		f.targets[e.ID] = &target{dir: n.dir, name: name, info: info}
	}
}

// Forget ends the waiting for hard links: no more of them to the entry id come.
// MakeHardLink does it for a link without Linked.
func (f *Folder) Forget(id uint64) {
	f.mu.Lock()
	delete(f.targets, id)
	f.mu.Unlock()
}

// MakeHardLink makes e a further name of the entry e.LinkTo, which was
// remembered. same says that it is that already. Anything else there is a
// Conflict, unless replace, or OtherKind if it is a folder. If another item
// stands where that entry was put, the result is a Conflict too. Where the file system
// does not tell, a name of the same content is taken for a link, and whom OnExposed
// names is told. Unsupported:
// the file system has no hard links, the item is on another one, or it is not
// remembered.
func (f *Folder) MakeHardLink(e *tree.Entry, replace bool) (same bool, err error) {
	f.mu.RLock()
	t := f.targets[e.LinkTo]
	f.mu.RUnlock()
	if !e.Linked {
		f.Forget(e.LinkTo)
	}
	n, err := f.parent(e)
	if err != nil {
		return false, fail("linking", e.Name, err)
	}
	if t == nil {
		return false, f.fail("linking", e, errNoTarget)
	}
	there, err := n.dir.Lstat(e.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err != nil:
	case knownInode(there) && t.is(n.vol, there):
		return true, nil
	case !replace && !n.vol.numbersItems() && t.equal(n.dir, e.Name, there):
		if f.exposed != nil {
			f.exposed(f.Path(e), tree.Loss{What: tree.AttrUnsureLink, Err: errUnnumbered})
		}
		return true, nil
	case there.Kind == tree.Folder && !f.replacesFolder(there, replace):
		err = fmt.Errorf("a folder has that name: %w", syscall.EISDIR)
	case !replace:
		n.fresh.Store(false)
		err = fs.ErrExist
	}
	if err == nil {
		err = f.stage(n, e, replace, func(dir *tree.Dir, temp string) ([]tree.Loss, error) {
			return nil, t.link(n.vol, dir, temp)
		})
	}
	return false, f.fail("linking", e, err)
}

// link gives the item the name temp, if it is still the one that was put there.
func (t *target) link(v *volume, dir *tree.Dir, temp string) error {
	if err := t.dir.Link(t.name, dir, temp); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if _, gone := t.dir.Lstat(t.name); errors.Is(gone, fs.ErrNotExist) {
				return fmt.Errorf("%w: %w", ErrChanged, errNoTarget)
			}
		}
		if errors.Is(err, syscall.EPERM) { // link(2): the file system has none
			err = noHardLinks{syscall.EPERM}
		}
		return err
	}
	info, err := dir.Lstat(temp)
	if err == nil && !t.is(v, info) && !(t.like(info) && !v.numbersItems()) {
		err = ErrChanged
	}
	return err
}

// knownInode: the system tells one file from another by a look at the name.
func knownInode(info tree.Info) bool { return info.Ino != 0 }
