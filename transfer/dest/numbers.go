package dest

import (
	"errors"
	"sync"

	"ferry/transfer/tree"
)

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
		_ = v.inState(func(dir *tree.Dir) (err error) {
			t.numbers, err = v.sameNumber(dir)
			return err
		})
	})
	return t.numbers
}

// sameNumber makes a file of two names in dir, which is the state folder.
func (v *volume) sameNumber(dir *tree.Dir) (bool, error) {
	first, second := tempName(), tempName()
	file, err := dir.Create(first, 0o600)
	if err != nil {
		return false, err
	}
	defer v.drop(dir, first, false)
	if err := errors.Join(file.Close(), dir.Link(first, dir, second)); err != nil {
		return false, err
	}
	defer v.drop(dir, second, false)
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

// drop removes what a trial made in the state folder. What the trial found holds also
// if that fails.
func (v *volume) drop(dir *tree.Dir, temp string, folder bool) {
	if err := ignoreAbsent(dir.Remove(temp, folder)); err != nil {
		v.short.leftover(dir.Path(), err)
	}
}
