package dest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"ferry/transfer/tree"
)

// notPrivate is why the content of a folder that has the name of a state folder
// cannot be relied on.
type notPrivate struct{ is tree.Info }

func (e notPrivate) Error() string {
	if foreign(e.is) {
		return "it belongs to " + ownerOf(e.is)
	}
	return fmt.Sprintf("it is not private to this user, its mode is %04o", e.is.Mode)
}

func (notPrivate) Unwrap() error { return fs.ErrPermission }

// refusedState is why a state folder cannot be made: number, which another name would
// meet with too.
type refusedState struct{ number syscall.Errno }

func (e refusedState) Error() string { return e.number.Error() }
func (refusedState) Unwrap() error   { return fs.ErrPermission }

// ownerOf is the owner of an item, for people.
func ownerOf(info tree.Info) string {
	if o := tree.NewAccounts().Of(info, false); o.User != "" {
		return "user " + o.User
	}
	return fmt.Sprintf("user %d", info.UID)
}

// stateDir returns the volume's state folder, made if it is not there.
func (v *volume) stateDir() (*tree.Dir, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state != nil {
		return v.state, nil
	}
	dir, made, err := v.findState()
	if err != nil {
		return nil, err
	}
	if !made && v.old == nil {
		if v.old, err = leftParts(dir); err != nil {
			return nil, fmt.Errorf("listing %s: %w", dir.Path(), err)
		}
	}
	v.state = dir
	return dir, nil
}

// findState goes through the names that the state folder may have. Where both
// are taken by others, a name that nobody can foresee serves, so that no user can
// stop the deliveries of another.
func (v *volume) findState() (dir *tree.Dir, made bool, err error) {
	own := ownStateName()
	if own != "" {
		// What a delivery left there, that had to use it, is looked for there.
		if dir, err = v.checkState(own, false); err == nil {
			return dir, false, nil
		}
	}
	dir, made, squatted := v.takeState(tree.PartialName)
	if own == "" || !taken(squatted) {
		return dir, made, squatted
	}
	if dir, made, err = v.takeState(own); err != nil && !taken(err) {
		err = fmt.Errorf("%w (%w)", err, squatted)
	}
	if !taken(err) {
		return dir, made, err
	}
	switch dirs, err := v.unforeseen(own); {
	case err != nil:
		return nil, false, err
	case len(dirs) > 0:
		return dirs[0], false, nil
	}
	return v.takeState(own + "-" + strings.TrimSuffix(tempName(), tempSuffix))
}

// takeState makes the state folder name, or takes the one that is there.
func (v *volume) takeState(name string) (dir *tree.Dir, made bool, err error) {
	if err = v.base.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		if number := syscall.Errno(0); errors.As(err, &number) && (ofName(err) || tree.Refused(err)) {
			err = refusedState{number}
		}
		return nil, false, fmt.Errorf("making %s in %q: %w", name, v.place, err)
	}
	made = err == nil
	if dir, err = v.checkState(name, made); err != nil {
		return nil, made, fmt.Errorf("using %s in %q: %w", name, v.place, err)
	}
	return dir, made, nil
}

// taken reports that err is of a state folder's name that another user has, or
// another item.
func taken(err error) bool {
	return errors.As(err, new(notPrivate)) || errors.Is(err, syscall.ENOTDIR)
}

// unforeseen returns the state folders that findState made when both names were
// taken.
func (v *volume) unforeseen(own string) (dirs []*tree.Dir, err error) {
	names, err := v.base.ReadNames()
	if err != nil {
		return nil, fmt.Errorf("looking for %s-*: %w", own, err)
	}
	for _, n := range names {
		if random, ok := strings.CutPrefix(n.Name, own+"-"); ok && isHex(random, pathHashLen) {
			if dir, err := v.checkState(n.Name, false); err == nil {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs, nil
}

// states returns the state folders of this user that are there, also after an
// error. Those of others are passed over.
func (v *volume) states() (dirs []*tree.Dir, err error) {
	for _, name := range []string{tree.PartialName, ownStateName()} {
		if name == "" {
			break
		}
		dir, e := v.checkState(name, false)
		switch {
		case e == nil:
			dirs = append(dirs, dir)
		case errors.Is(e, fs.ErrNotExist), taken(e) && name == tree.PartialName && ownStateName() != "":
		case taken(e) && name != tree.PartialName:
			more, e := v.unforeseen(name)
			dirs, err = append(dirs, more...), errors.Join(err, e)
		default:
			err = errors.Join(err, e)
		}
	}
	return dirs, err
}

// checkState returns the state folder name if it is a real folder, this user's
// alone, and not a mount. Just made, it may belong to another user, as a file
// server or the options of a mount have it.
func (v *volume) checkState(name string, made bool) (*tree.Dir, error) {
	dir := v.base.Child(name)
	refused := false
	if made {
		// The umask may have hidden bits of the mode. A file system without modes may
		// refuse this one.
		refused = dir.SetMode(0o700) != nil
	}
	info, err := v.base.Lstat(name)
	if err != nil {
		return nil, err
	}
	if info.Kind != tree.Folder {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	alone, err := v.private(dir, made, refused)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	if !alone {
		return nil, &fs.PathError{Op: "open", Path: name, Err: notPrivate{info}}
	}
	return dir, nil
}

// private reports that what is in dir is this user's alone, and on this volume.
func (v *volume) private(dir *tree.Dir, made, refused bool) (bool, error) {
	handle, err := dir.Handle()
	if err != nil {
		return false, err
	}
	defer handle.Close() // nothing was written through it
	info, err := dir.Stat()
	if err != nil {
		return false, err
	}
	ours := made || owned(handle)
	alone := ours && info.Mode&0o777 == 0o700 || made && refused || withoutModes(dir, info.Mode, ours)
	return alone && (volumeID{info.Dev, mountOf(handle)}) == v.id, nil
}

// withoutModes reports that the file system keeps no modes, as FAT does: setting
// one succeeds and changes nothing, or is refused to the owner.
func withoutModes(dir *tree.Dir, is uint32, ours bool) bool {
	if is&0o777 == 0o700 {
		return false
	}
	if err := dir.SetMode(0o700); err != nil {
		return ours && (errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported))
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

// removeState removes the state folders of this user that are empty.
func (v *volume) removeState() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	used := v.state
	v.state = nil
	var err error
	if used != nil {
		err = v.base.Remove(used.Name(), true)
	}
	for _, name := range []string{tree.PartialName, ownStateName()} {
		if name == "" || used != nil && used.Name() == name {
			continue
		}
		// One that a killed run left empty goes too, if it can.
		if info, e := v.base.Lstat(name); e == nil && info.Kind == tree.Folder && !foreign(info) {
			_ = v.base.Remove(name, true)
		}
	}
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
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
