package dest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// errNotPrivate: the state folder's content cannot be relied on.
var errNotPrivate = errors.New("is not a private folder of this user (mode 0700); remove it, or deliver to another folder")

// stateDir returns the volume's state folder, made if it is not there.
func (v *volume) stateDir() (*tree.Dir, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state != nil {
		return v.state, nil
	}
	err := v.base.Mkdir(tree.PartialName, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making %s: %w", tree.PartialName, err)
	}
	made := err == nil
	dir, err := v.checkState(made)
	if err != nil {
		return nil, fmt.Errorf("using %s: %w", tree.PartialName, err)
	}
	if !made && v.old == nil {
		if v.old, err = leftParts(dir); err != nil {
			return nil, fmt.Errorf("listing %s: %w", tree.PartialName, err)
		}
	}
	v.state = dir
	return dir, nil
}

// checkState returns the state folder if it is a real folder, this user's
// alone, and not a mount. Just made, it may belong to another user, as a file
// server or the options of a mount have it.
func (v *volume) checkState(made bool) (*tree.Dir, error) {
	dir := v.base.Child(tree.PartialName)
	if made {
		// The umask may have hidden bits of the mode.
		if err := dir.SetMode(0o700); err != nil {
			return nil, err
		}
	}
	info, err := v.base.Lstat(tree.PartialName)
	if err != nil {
		return nil, err
	}
	if info.Kind != tree.Folder {
		return nil, &fs.PathError{Op: "open", Path: tree.PartialName, Err: syscall.ENOTDIR}
	}
	handle, err := dir.Handle()
	if err != nil {
		return nil, err
	}
	defer handle.Close() // nothing was written through it
	info, err = dir.Stat()
	if err != nil {
		return nil, err
	}
	alone := info.Mode&0o777 == 0o700 && (made || owned(handle)) || withoutModes(dir, info.Mode)
	if !alone || (volumeID{info.Dev, mountOf(handle)}) != v.id {
		return nil, &fs.PathError{Op: "open", Path: tree.PartialName,
			Err: fmt.Errorf("%w: %w", errNotPrivate, fs.ErrPermission)}
	}
	return dir, nil
}

// withoutModes reports that the file system keeps no modes, as FAT does: setting
// one succeeds and changes nothing.
func withoutModes(dir *tree.Dir, is uint32) bool {
	if is&0o777 == 0o700 {
		return false
	}
	if err := dir.SetMode(0o700); err != nil {
		return false
	}
	now, err := dir.Stat()
	if err != nil || now.Mode != is {
		_ = dir.SetMode(is) // it is refused as it was found
		return false
	}
	return true
}

// inState calls do, which makes a name in the state folder, and calls it once
// more if another delivery removed the folder, empty, just before.
func (v *volume) inState(do func(dir *tree.Dir) error) error {
	for again := true; ; again = false {
		dir, err := v.stateDir()
		if err != nil {
			return err
		}
		err = do(dir)
		if !again || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, tree.ErrReplaced) {
			return err
		}
		v.forgetState(dir)
	}
}

func (v *volume) forgetState(dir *tree.Dir) {
	v.mu.Lock()
	if v.state == dir {
		v.state = nil
	}
	v.mu.Unlock()
}

// usesState reports whether the state folder was opened, and not removed since.
func (v *volume) usesState() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state != nil
}

// removeState removes the state folder if it is there and empty.
func (v *volume) removeState() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	used := v.state != nil
	v.state = nil
	err := v.base.Remove(tree.PartialName, true)
	// One that a killed run left empty goes too, if it can.
	if !used || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// tempName returns a name that nobody else has, for the state folder.
func tempName() string {
	var b [pathHashLen / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:]) + tempSuffix
}
