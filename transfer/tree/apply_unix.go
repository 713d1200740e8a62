//go:build unix

package tree

import (
	"errors"
	"os"
	"runtime"
)

// ToFile gives an open file its metadata by its handle, whatever the umask. What this
// user or the file system cannot apply is returned: one Loss of a kind at most, and no
// error.
func (a *Apply) ToFile(f *os.File) ([]Loss, error) {
	defer runtime.KeepAlive(f)
	lost, err := a.apply(heldFile(int(f.Fd())), File)
	if err != nil {
		return lost, &os.PathError{Op: "setting metadata of", Path: f.Name(), Err: err}
	}
	return lost, nil
}

// ToFolder is ToFile for a folder. Without Granted.Owner its set-id and sticky bits
// stay: they are the receiver's arrangement.
func (a *Apply) ToFolder(d *Dir) (lost []Loss, err error) {
	err = d.at("setting metadata of", "", func(h handle) (err error) {
		lost, err = a.apply(heldFile(h), Folder)
		return err
	})
	return lost, err
}

// ToName is ToFile for name in d, a link or special file that was as seen says. If
// another item has the name by now, it is left alone, with ErrReplaced. A link that is
// there has all that can be asked of it: whatever fails is lost, and no error.
func (a *Apply) ToName(d *Dir, name string, seen Info) (lost []Loss, err error) {
	err = d.at("setting metadata of", name, func(h handle) (err error) {
		lost, err = a.toName(int(h), name, seen)
		if err != nil && seen.Kind == Symlink && !errors.Is(err, ErrReplaced) {
			if now, gone := h.look(name, false); gone == nil && now.Kind == Symlink && now.SameFile(seen) {
				lost, err = a.all(err), nil
			}
		}
		return err
	})
	return lost, err
}

// toName applies a to name in the folder dir, if it is still the item of seen.
func (a *Apply) toName(dir int, name string, seen Info) ([]Loss, error) {
	item, done, err := hold(dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	now, err := item.stat()
	if err == nil && (now.Kind != seen.Kind || now.Special != seen.Special || !now.SameFile(seen)) {
		err = ErrReplaced
	}
	if err != nil {
		return nil, err
	}
	return a.apply(item, seen.Kind)
}

func (a *Apply) apply(item held, kind Kind) ([]Loss, error) {
	w := applying{Apply: a, item: item, kind: kind, told: a.Extra}
	if w.told == nil {
		w.told = &Extra{}
	}
	err := w.run()
	return w.lost, err
}

// all is the loss of everything that a asks for, for a link.
func (a *Apply) all(err error) (lost losses) {
	if a.Granted.Owner && a.Extra != nil && a.Extra.Owner != nil {
		lost.add(AttrOwner, err)
	}
	if a.Granted.Xattrs && a.Extra != nil {
		for _, x := range a.Extra.Xattrs {
			lost.add(attrOf(x.Name), err)
		}
	}
	lost.add(AttrTime, err)
	return lost
}

// Unapplied is the loss of everything that a asks for and that a symbolic link which is
// as info says does not have, for that cause.
func (a *Apply) Unapplied(info Info, cause error) []Loss {
	var all losses
	if x := a.Extra; x != nil && a.Granted.Owner && x.Owner != nil {
		if uid, gid := a.Accounts.Resolve(x.Owner, a.Granted.Numeric); info.UID != uid || info.GID != gid {
			all.add(AttrOwner, cause)
		}
	}
	if x := a.Extra; x != nil && a.Granted.Xattrs {
		for _, attr := range x.Xattrs {
			all.add(attrOf(attr.Name), cause)
		}
	}
	if !KeptTime(info.MTime, a.MTime) {
		all.add(AttrTime, cause)
	}
	return all
}

// permissions returns the bits of 0777 for an item that has the bits in have.
func (a *Apply) permissions(have uint32) uint32 {
	if posixACLs && a.Granted.Xattrs && a.Extra.has(aclAccess) {
		return a.Mode & 0o777
	}
	return a.bare(have)
}

// bare is permissions for an item that gets no ACL.
func (a *Apply) bare(have uint32) uint32 {
	if a.Fresh {
		have = 0
	}
	if a.Inherit != nil && !a.Granted.Xattrs {
		return a.Mode & 0o777 & (a.Inherit.permissions() | have)
	}
	return a.Granted.Permissions(a.Mode, have)
}
