package dest

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"

	"ferry/transfer/tree"
)

// What an unknown file system does is found out by trying it, once, in the state folder.
// The trial's lock is held meanwhile, and the state folder's is taken under it.

// errFollows: what would be set on the link would be set on what it leads to.
var errFollows = errors.New("the file system follows the link")

// linkTrial is whether calls on a symbolic link reach what it leads to. sshfs does so:
// its protocol has no call for a link, and the server looks the name up. The link may lead
// out of the destination, and the owner and time of something else would be changed.
type linkTrial struct {
	mu            sync.Mutex
	done, follows bool
}

// followsLinks finds that out once, on an unknown file system: where links are followed,
// the time of a link that leads nowhere cannot be set.
func (v *volume) followsLinks() bool {
	if !v.doubtful {
		return false
	}
	t := &v.links
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return t.follows
	}
	err := v.state.in(func(dir *tree.Dir) error {
		temp := tempName()
		if err := dir.Symlink(tempName(), temp); err != nil {
			return err
		}
		defer v.state.drop(dir, temp, false)
		err := dir.SetLinkTime(temp, tree.Time{Sec: 1}, false)
		t.follows = errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE)
		return nil
	})
	t.done = err == nil
	return t.follows
}

// errUnnumbered: whether a name is a further one of an item cannot be seen here.
var errUnnumbered = errors.New("it has what the item has, and the file system does not tell whether it is that or a copy")

// itemTrial is whether two names of one item have its number. On sshfs and the like each
// name has a number of its own.
type itemTrial struct {
	once    sync.Once
	numbers bool
}

// numbersItems finds out, once, on a file system that is not known: a new file gets a
// second name. What cannot be tried is not relied on.
func (v *volume) numbersItems() bool {
	if !v.doubtful {
		return true
	}
	t := &v.items
	t.once.Do(func() {
		_ = v.state.in(func(dir *tree.Dir) (err error) {
			t.numbers, err = v.state.sameNumber(dir)
			return err
		})
	})
	return t.numbers
}

// sameNumber makes a file of two names in dir, which is the state folder.
func (s *stateFolder) sameNumber(dir *tree.Dir) (bool, error) {
	first, second := tempName(), tempName()
	file, err := dir.Create(first, 0o600)
	if err != nil {
		return false, err
	}
	defer s.drop(dir, first, false)
	if err := errors.Join(file.Close(), dir.Link(first, dir, second)); err != nil {
		return false, err
	}
	defer s.drop(dir, second, false)
	one, err := dir.Lstat(first)
	if err != nil {
		return false, err
	}
	two, err := dir.Lstat(second)
	if err != nil {
		return false, err
	}
	all, err := dir.Stat() // some have one number for all items
	return knownInode(one) && one.SameFile(two) && !one.SameFile(all), err
}
