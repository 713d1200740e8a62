package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"ferry/checksum"
	"ferry/transfer/storage"
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

// is reports whether info, of something on v, is of the item. The number alone does not
// tell: once the item is removed, another item may get it.
func (t *target) is(v *volume, info tree.Info) bool {
	return info.SameFile(t.info) && (v.doubtful || info.MTime == t.info.MTime) && t.like(info)
}

// like reports whether info may be of the item, by all but the number. It serves for a
// link that was made just now, where names are numbered and not items, as sshfs does.
func (t *target) like(info tree.Info) bool {
	return info.Kind == t.info.Kind && info.Special == t.info.Special && info.Size == t.info.Size &&
		tree.KeptTime(info.MTime, t.info.MTime) // which sshfs shows as it was set for a while
}

// maxEqual bounds the files that equal reads, so that it takes seconds.
const maxEqual = 64 << 20

// equal reports whether what stands as name in d, of which there tells, has the content of
// the item. Of a file beyond maxEqual that is not known.
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

// targets are the items that hard links may come to, by the ids of their entries.
type targets struct {
	mu   sync.Mutex         // guards what follows
	byID map[uint64]*target // at most tree.MaxHardLinks, the protocol's limit
}

// note takes note that e is info, under name in n, if hard links to it may come. Beyond
// the limit of the table nothing is noted: a link to such an item then fails.
func (s *targets) note(e *tree.Entry, n *node, name string, info tree.Info, granted tree.Metadata) {
	if !e.Linked || !granted.HardLinks || info.Kind == tree.Folder {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) < tree.MaxHardLinks {
		s.byID[e.ID] = &target{dir: n.dir, name: name, info: info}
	}
}

// find is note for what stands under e's name.
func (s *targets) find(e *tree.Entry, n *node, granted tree.Metadata) error {
	if !e.Linked || !granted.HardLinks {
		return nil
	}
	info, err := n.dir.Lstat(e.Name)
	if err != nil {
		return fail("looking at", n.path(e.Name), err)
	}
	s.note(e, n, e.Name, info, granted)
	return nil
}

func (s *targets) get(id uint64) *target {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

func (s *targets) forget(id uint64) {
	s.mu.Lock()
	delete(s.byID, id)
	s.mu.Unlock()
}

// Forget ends the waiting for hard links: no more of them to the entry id come.
func (m *itemMaker) Forget(id uint64) { m.targets.forget(id) }

// MakeHardLink is storage.Special's. If another item stands where the target was put, the
// result is a Conflict. Where the file system does not tell, a name of the same content is
// taken for a link, with a note.
func (m *itemMaker) MakeHardLink(e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	t := m.targets.get(e.LinkTo)
	if !e.Linked {
		m.targets.forget(e.LinkTo)
	}
	n, err := m.nodes.parent(e)
	if err != nil {
		return out, fail("linking", e.Name, err)
	}
	if t == nil {
		return out, m.nodes.fail("linking", e, errNoTarget)
	}
	there, err := n.dir.Lstat(e.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err != nil:
	case knownInode(there) && t.is(n.vol, there):
		return storage.Outcome{Same: true}, nil
	case !replace && !n.vol.numbersItems() && t.equal(n.dir, e.Name, there):
		loss := tree.Loss{What: tree.AttrUnsureLink, Err: errUnnumbered}
		return storage.Outcome{Same: true, Notes: []storage.Note{{Path: n.path(e.Name), Loss: loss}}}, nil
	default:
		err = m.mayReplace(n, there, replace)
	}
	if err == nil {
		_, err = m.stage(n, e, replace, func(dir *tree.Dir, temp string) ([]tree.Loss, error) {
			return nil, t.link(n.vol, dir, temp)
		})
	}
	return out, m.nodes.fail("linking", e, err)
}

// link gives the item the name temp, if it is still the one that was put there.
func (t *target) link(v *volume, dir *tree.Dir, temp string) error {
	if err := t.dir.Link(t.name, dir, temp); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if _, gone := t.dir.Lstat(t.name); errors.Is(gone, fs.ErrNotExist) {
				return fmt.Errorf("%w: %w", storage.ErrChanged, errNoTarget)
			}
		}
		if errors.Is(err, syscall.EPERM) { // link(2): the file system has none
			err = noHardLinks{syscall.EPERM}
		}
		return err
	}
	info, err := dir.Lstat(temp)
	if err == nil && !t.is(v, info) && !(t.like(info) && !v.numbersItems()) {
		err = storage.ErrChanged
	}
	return err
}

// knownInode: the system tells one file from another by a look at the name.
func knownInode(info tree.Info) bool { return info.Ino != 0 }
