package dest

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// maxClaims bounds the attempts to get hold of a part that others rename and
// remove at the same time.
const maxClaims = 16

// A lock that is taken is asked for lockTries times more, lockPause apart.
const (
	lockTries = 4
	lockPause = time.Millisecond
)

// claim gets the locked part of the key and its hint: one that is there, or one
// of another version of the same path under its new key, or a new one.
func (p *partial) claim(e *tree.Entry) error {
	path := pathHash(p.f.opts.Owner, p.parent.path(p.item))
	p.key = path + "-" + versionHash(e)
	b := &p.body
	b.name = p.key + partSuffix
	for range maxClaims {
		found, err := p.tryClaim(path)
		if errors.Is(err, errNoLocks) {
			// Without locks two deliveries could write one part: each gets its
			// own, made by open, and nothing is kept.
			p.parent.vol.noLocks.Store(true)
			made := !p.reused
			name := b.name
			p.key, b.name, p.reused = "", "", false
			if made {
				return b.dir.Remove(name, false)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		// A hole wherever nothing is written yet; too large a file fails now. Where a
		// file is not to be made longer in this way, writing does it.
		if err := setSize(b.file, p.size); err != nil && !tree.Refused(err) {
			return errors.Join(err, p.undoClaim())
		}
		p.hint = openHint(b.dir, p.key, e, p.reused)
		return nil
	}
	return storage.ErrLocked
}

// undoClaim gives up a part that this claim made, or leaves an old one alone.
func (p *partial) undoClaim() error {
	if p.reused {
		return p.release()
	}
	return p.remove()
}

// tryClaim is one attempt; found is false if the file went away under it.
func (p *partial) tryClaim(path string) (found bool, err error) {
	b, state := &p.body, p.parent.vol.state
	if b.dir, err = state.open(); err != nil {
		return false, err
	}
	file, err := openPart(b.dir, b.name)
	switch {
	case err == nil:
		p.reused = true
	case errors.Is(err, fs.ErrNotExist):
		for _, old := range state.takeOld(path) {
			adopted, err := p.adopt(old)
			if adopted || err != nil {
				return adopted, err
			}
		}
		p.reused = false
		err = state.in(func(dir *tree.Dir) (err error) {
			b.dir = dir
			file, err = dir.Create(b.name, 0o600)
			return err
		})
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	default:
		return false, err
	}
	ours, err := lockPart(b.dir, b.name, file, !p.reused)
	if err != nil || !ours {
		return false, errors.Join(err, file.Close())
	}
	b.file = file
	return true, nil
}

// adopt takes the part named old, of another version of this path, under the
// new key. One that another delivery holds, or that went away, is passed over.
func (p *partial) adopt(old string) (adopted bool, err error) {
	dir := p.body.dir
	file, err := openPart(dir, old)
	if err != nil {
		return false, nil
	}
	ours, err := lockPart(dir, old, file, false)
	if errors.Is(err, storage.ErrLocked) || err == nil && !ours {
		return false, file.Close()
	}
	if err == nil {
		err = dir.Rename(old, dir, p.body.name, false)
	}
	if err != nil {
		return false, errors.Join(err, file.Close())
	}
	oldTree := strings.TrimSuffix(old, partSuffix) + treeSuffix
	if err := dir.Rename(oldTree, dir, p.key+treeSuffix, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, errors.Join(err, file.Close())
	}
	p.body.file, p.reused = file, true
	return true, nil
}

// openPart opens a part to write to it. A run that was stopped between Seal and
// publication left it with its final mode, which may forbid that.
func openPart(dir *tree.Dir, name string) (*os.File, error) {
	file, err := dir.OpenRW(name)
	if errors.Is(err, fs.ErrPermission) {
		if err := chmodOwn(dir, name, 0o600); err != nil {
			return nil, err
		}
		file, err = dir.OpenRW(name)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	// A link, a folder or a FIFO is not ours, and in the way.
	info, e := dir.Lstat(name)
	if e != nil || info.Kind == tree.File {
		return nil, err
	}
	if err := dir.Remove(name, info.Kind == tree.Folder); err != nil {
		return nil, err
	}
	return nil, fs.ErrNotExist
}

// lockPart locks file. It reports whether the file is then still the one under name, and
// this user's alone; storage.ErrLocked if another delivery has it. A file with a second
// name is left to that name: its holder would see the bytes change. A file that was made
// just now is this user's, whatever owner is shown.
func lockPart(dir *tree.Dir, name string, file *os.File, made bool) (ours bool, err error) {
	// Others look for leftovers, and lock for an instant.
	for try := 0; ; try++ {
		err := lock(file)
		if err == nil {
			break
		}
		if try == lockTries || !errors.Is(err, storage.ErrLocked) {
			return false, err
		}
		time.Sleep(lockPause)
	}
	info, err := tree.Fstat(file)
	if err != nil {
		return false, err
	}
	at, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !at.SameFile(info) {
		return false, err
	}
	if info.Nlink > 1 || !made && !owned(file) && !reclaim(file) {
		return false, dir.Remove(name, false)
	}
	if info.Mode&0o777 != 0o600 {
		// Where that is refused, all files have the mode that they have.
		if err = file.Chmod(0o600); err != nil && !tree.Failing(err) {
			err = nil
		}
	}
	return err == nil, err
}
