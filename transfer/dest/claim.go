package dest

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// maxClaims bounds the attempts to get hold of a part that others rename and
// remove at the same time.
const maxClaims = 16

// A lock is asked for this often again, so far apart, before it counts as held.
const (
	lockTries = 4
	lockPause = time.Millisecond
)

// claim gets the locked part of the key and its hint: one that is there, or one
// of another version of the same path under its new key, or a new one.
func (p *Partial) claim(e *tree.Entry) error {
	path := pathHash(p.parent.path(p.item))
	p.key = path + "-" + versionHash(e)
	p.name = p.key + partSuffix
	for range maxClaims {
		found, err := p.tryClaim(path)
		if errors.Is(err, errNoLocks) {
			// Without locks two deliveries could write one part: each gets its
			// own, made by open, and nothing is kept.
			p.vol.noLocks.Store(true)
			made := !p.reused
			name := p.name
			p.key, p.name, p.reused = "", "", false
			if made {
				return p.dir.Remove(name, false)
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
		if err := setSize(p.file, p.size); err != nil && !tree.Refused(err) {
			return errors.Join(err, p.undoClaim())
		}
		p.hint = openHint(p.dir, p.key, e, p.reused)
		return nil
	}
	return ErrLocked
}

// undoClaim gives up a part that this claim made, or leaves an old one alone.
func (p *Partial) undoClaim() error {
	if p.reused {
		return p.release()
	}
	return p.remove()
}

// tryClaim is one attempt; found is false if the file went away under it.
func (p *Partial) tryClaim(path string) (found bool, err error) {
	if p.dir, err = p.vol.stateDir(); err != nil {
		return false, err
	}
	file, err := openPart(p.dir, p.name)
	switch {
	case err == nil:
		p.reused = true
	case errors.Is(err, fs.ErrNotExist):
		for _, old := range p.vol.takeOld(path) {
			adopted, err := p.adopt(old)
			if adopted || err != nil {
				return adopted, err
			}
		}
		p.reused = false
		err = p.vol.inState(func(dir *tree.Dir) (err error) {
			p.dir = dir
			file, err = dir.Create(p.name, 0o600)
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
	ours, err := lockPart(p.dir, p.name, file, !p.reused)
	if err != nil || !ours {
		return false, errors.Join(err, file.Close())
	}
	p.file = file
	return true, nil
}

// adopt takes the part named old, of another version of this path, under the
// new key. One that another delivery holds, or that went away, is passed over.
func (p *Partial) adopt(old string) (adopted bool, err error) {
	file, err := openPart(p.dir, old)
	if err != nil {
		return false, nil
	}
	ours, err := lockPart(p.dir, old, file, false)
	if errors.Is(err, ErrLocked) || err == nil && !ours {
		return false, file.Close()
	}
	if err == nil {
		err = p.dir.Rename(old, p.dir, p.name, false)
	}
	if err != nil {
		return false, errors.Join(err, file.Close())
	}
	oldTree := strings.TrimSuffix(old, partSuffix) + treeSuffix
	if err := p.dir.Rename(oldTree, p.dir, p.key+treeSuffix, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, errors.Join(err, file.Close())
	}
	p.file, p.reused = file, true
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

// lockPart locks file, and reports whether it is then still the one under name
// and this user's alone; ErrLocked if another delivery has it. A second name
// would show the bytes to whoever holds it while they change: it is left to
// that other name. Just made, a file is this user's whatever the owner shown.
func lockPart(dir *tree.Dir, name string, file *os.File, made bool) (ours bool, err error) {
	// Others look for leftovers, and lock for an instant.
	for try := 0; ; try++ {
		err := lock(file)
		if err == nil {
			break
		}
		if try == lockTries || !errors.Is(err, ErrLocked) {
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

// takeOld returns the parts of other versions that stood there when the state
// folder was opened, the last one to be tried first, and forgets them.
func (v *volume) takeOld(path string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.old[path]
	delete(v.old, path)
	return old
}

// leaveOld offers a part that this delivery kept as a basis for another version
// of its path.
func (v *volume) leaveOld(name string) {
	path, _, _ := strings.Cut(name, "-")
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.old == nil {
		v.old = make(map[string][]string)
	}
	if len(v.old) < maxOldParts {
		v.old[path] = append(v.old[path], name)
	}
}

// maxOldParts bounds the memory for parts of earlier deliveries; those beyond
// are not offered as a basis.
const maxOldParts = 1 << 16

// leftParts lists the parts in dir by the hash of their path.
func leftParts(dir *tree.Dir) (map[string][]string, error) {
	names, err := dir.ReadNames()
	if err != nil {
		return nil, err
	}
	old := make(map[string][]string)
	for _, n := range names[:min(len(names), maxOldParts)] {
		if key, suffix, ok := parseName(n.Name); ok && suffix == partSuffix {
			path, _, _ := strings.Cut(key, "-")
			old[path] = append(old[path], n.Name)
		}
	}
	return old, nil
}

// chunkAt checks that n bytes may stand at chunk index of a content of size
// bytes, and returns the offset.
func chunkAt(index uint64, n int, size int64) (int64, error) {
	const maxIndex = 1<<(63-20) - 1 // offsets are int64, chunks 1 MiB
	if index >= maxIndex || n < 0 || n > checksum.ChunkSize {
		return 0, errOutside
	}
	if size >= 0 && index+uint64(n) > 0 && (index >= checksum.Chunks(size) || n != checksum.ChunkLen(size, index)) {
		return 0, errOutside
	}
	return int64(index) * checksum.ChunkSize, nil
}
