package dest

import (
	"errors"
	"io/fs"
	"sync"
	"syscall"

	"ferry/transfer/tree"
)

// errFollows: what would be set on the link would be set on what it leads to.
var errFollows = errors.New("the file system follows the link")

// linkTrial is whether calls on a symbolic link reach what it leads to. sshfs does so:
// its protocol has no call for a link, and the server looks the name up. What that leads
// to may lie outside of the destination, whose owner and time would be changed.
type linkTrial struct {
	mu            sync.Mutex
	done, follows bool
}

// followsLinks finds out, once, on a file system that is not known: the time of a link
// that leads nowhere cannot be set there, as nothing is found.
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
	err := v.inState(func(dir *tree.Dir) error {
		temp := tempName()
		if err := dir.Symlink(tempName(), temp); err != nil {
			return err
		}
		defer v.drop(dir, temp, false)
		err := dir.SetLinkTime(temp, tree.Time{Sec: 1}, false)
		t.follows = errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE)
		return nil
	})
	t.done = err == nil
	return t.follows
}

// applyTo is tree.Apply.ToName, but for a link that would be followed.
func (f *Folder) applyTo(v *volume, dir *tree.Dir, name string, seen tree.Info, a *tree.Apply) ([]tree.Loss, error) {
	if seen.Kind == tree.Symlink && v.followsLinks() {
		return a.Unapplied(seen, errFollows), nil
	}
	return a.ToName(dir, name, seen)
}
