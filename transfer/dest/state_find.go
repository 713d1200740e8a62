package dest

import (
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

// find goes through the names that the state folder may have. Where both
// are taken by others, a name that nobody can foresee serves, so that no user can
// stop the deliveries of another.
func (s *stateFolder) find() (dir *tree.Dir, made bool, err error) {
	own := ownStateName()
	if own != "" {
		// What a delivery left there, that had to use it, is looked for there.
		if dir, err = s.check(own, false); err == nil {
			return dir, false, nil
		}
	}
	dir, made, squatted := s.take(tree.PartialName)
	if own == "" || !taken(squatted) {
		return dir, made, squatted
	}
	if dir, made, err = s.take(own); err != nil && !taken(err) {
		err = fmt.Errorf("%w (%w)", err, squatted)
	}
	if !taken(err) {
		return dir, made, err
	}
	switch dirs, err := s.unforeseen(own); {
	case err != nil:
		return nil, false, err
	case len(dirs) > 0:
		return dirs[0], false, nil
	}
	return s.take(own + "-" + strings.TrimSuffix(tempName(), tempSuffix))
}

// take makes the state folder name, or takes the one that is there.
func (s *stateFolder) take(name string) (dir *tree.Dir, made bool, err error) {
	if err = s.base.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		if number := syscall.Errno(0); errors.As(err, &number) && (ofName(err) || tree.Refused(err)) {
			err = refusedState{number}
		}
		return nil, false, fmt.Errorf("making %s in %q: %w", name, s.place, err)
	}
	made = err == nil
	if dir, err = s.check(name, made); err != nil {
		return nil, made, fmt.Errorf("using %s in %q: %w", name, s.place, err)
	}
	return dir, made, nil
}

// taken reports that err is of a state folder's name that another user has, or
// another item.
func taken(err error) bool {
	return errors.As(err, new(notPrivate)) || errors.Is(err, tree.NotFolder)
}

// unforeseen returns the state folders that find made when both names were
// taken.
func (s *stateFolder) unforeseen(own string) (dirs []*tree.Dir, err error) {
	names, err := s.base.ReadNames()
	if err != nil {
		return nil, fmt.Errorf("looking for %s-*: %w", own, err)
	}
	for _, n := range names {
		if random, ok := strings.CutPrefix(n.Name, own+"-"); ok && isHex(random, pathHashLen) {
			if dir, err := s.check(n.Name, false); err == nil {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs, nil
}

// states returns the state folders of this user that are there, also after an
// error. Those of others are passed over.
func (s *stateFolder) all() (dirs []*tree.Dir, err error) {
	for _, name := range []string{tree.PartialName, ownStateName()} {
		if name == "" {
			break
		}
		dir, e := s.check(name, false)
		switch {
		case e == nil:
			dirs = append(dirs, dir)
		case errors.Is(e, fs.ErrNotExist), taken(e) && name == tree.PartialName && ownStateName() != "":
		case taken(e) && name != tree.PartialName:
			more, e := s.unforeseen(name)
			dirs, err = append(dirs, more...), errors.Join(err, e)
		default:
			err = errors.Join(err, e)
		}
	}
	return dirs, err
}

// check returns the state folder name if it is a real folder, this user's
// alone, and not a mount. Just made, it may belong to another user, as a file
// server or the options of a mount have it.
func (s *stateFolder) check(name string, made bool) (*tree.Dir, error) {
	dir := s.base.Child(name)
	refused := false
	if made {
		// The umask may have hidden bits of the mode. A file system without modes may
		// refuse this one.
		refused = dir.SetMode(0o700) != nil
	}
	info, err := s.base.Lstat(name)
	if err != nil {
		return nil, err
	}
	if info.Kind != tree.Folder {
		return nil, &fs.PathError{Op: "open", Path: name, Err: tree.NotFolder}
	}
	alone, err := s.private(dir, made, refused)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	if !alone {
		return nil, &fs.PathError{Op: "open", Path: name, Err: notPrivate{info}}
	}
	return dir, nil
}

// private reports that what is in dir is this user's alone, and on this volume.
func (s *stateFolder) private(dir *tree.Dir, made, refused bool) (bool, error) {
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
	return alone && (volumeID{info.Dev, mountOf(handle)}) == s.id, nil
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
