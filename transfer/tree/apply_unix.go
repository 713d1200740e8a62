//go:build linux || darwin

package tree

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Apply is the metadata that an item at the receiver is to get.
type Apply struct {
	Mode  uint32 // & 0777; & 07777 with Owner granted
	MTime Time
	Extra *Extra // nil: the sender told nothing
	// Granted says what of Extra is to be applied. With Xattrs, the item has no
	// others than those afterwards.
	Granted  Metadata
	Accounts *Accounts // with Granted.Owner or Granted.Xattrs
	// Fresh: this delivery made the item. Permissions that it has are nobody's wish,
	// and an ACL that it may have inherited goes.
	Fresh bool
	// Inherit is what the folder that the item is in gives to what is made there. With
	// Granted.Xattrs it goes, as all that the sender does not tell; without, the item
	// has it, and of Mode no more than it leaves.
	Inherit DefaultACL
	// NoACL: without Inherit, the item has no ACL that it could have inherited where
	// it was made, and none is looked for.
	NoACL bool
	// Doubt: the file system may take what it does not keep, without an error. Then
	// the item is looked at once more, and what is not there is lost.
	Doubt bool
}

// held is an item by its handle, as far as the system has one for its kind.
// Errors are the bare numbers of the system.
type held interface {
	stat() (Info, error)
	// chown leaves what is -1 as it is. It clears set-id bits and capabilities.
	chown(uid, gid int) error
	// chmod takes mode & 07777. It fails for symbolic links.
	chmod(mode uint32) error
	// setTime sets the mtime, and leaves the atime alone. Both sets that too, to what
	// it is: file systems of libfuse 2 ignore a call that leaves one of them out.
	setTime(mtime Time, both bool) error
	// The attributes: errors.ErrUnsupported where the file system has none.
	listXattrs() ([]string, error)
	getXattr(name string) ([]byte, error)
	setXattr(name string, value []byte) error
	removeXattr(name string) error
}

// ApplyFile gives an open file its metadata by its handle, whatever the umask.
// What this user or the file system cannot apply is returned: one Loss of a kind at
// most, and no error.
func ApplyFile(f *os.File, a *Apply) ([]Loss, error) {
	defer runtime.KeepAlive(f)
	lost, err := a.to(heldFile(int(f.Fd())), File)
	if err != nil {
		return lost, &os.PathError{Op: "setting metadata of", Path: f.Name(), Err: err}
	}
	return lost, nil
}

// Apply is ApplyFile for the folder itself. Without Granted.Owner its set-id and
// sticky bits stay: they are the receiver's arrangement.
func (d *Dir) Apply(a *Apply) (lost []Loss, err error) {
	err = d.at("setting metadata of", "", func(fd int) (err error) {
		lost, err = a.to(heldFile(fd), Folder)
		return err
	})
	return lost, err
}

// ApplyTo is ApplyFile for name in d, a link or special file, of which seen is
// what it was: another one is left alone, with ErrReplaced. A link that is there has
// all that can be asked of it: whatever fails is lost, and no error.
func (d *Dir) ApplyTo(name string, seen Info, a *Apply) (lost []Loss, err error) {
	h, err := d.acquire()
	if err != nil {
		return nil, d.fail("setting metadata of", name, err)
	}
	defer d.release()
	lost, err = a.held(int(h), name, seen)
	if err != nil && seen.Kind == Symlink && !errors.Is(err, ErrReplaced) {
		if now, gone := fstatat(int(h), name); gone == nil && now.Kind == Symlink && now.SameFile(seen) {
			return a.all(err), nil
		}
	}
	if err != nil {
		return lost, d.fail("setting metadata of", name, err)
	}
	return lost, nil
}

// held applies a to name in the folder dir, if it is still what seen is of.
func (a *Apply) held(dir int, name string, seen Info) ([]Loss, error) {
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
	return a.to(item, seen.Kind)
}

// all is the loss of all that a asks for of a link.
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

// to applies in the order that each step needs: the owner first, since chown
// clears set-id bits and capabilities; attributes while the mode still lets them
// be set; then the mode; the ACL after it, since a mode rewrites its mask; the
// mtime last.
func (a *Apply) to(item held, kind Kind) (lost losses, err error) {
	extra := a.Extra
	if extra == nil {
		extra = &Extra{}
	}
	special := uint32(0)
	if a.Granted.Owner {
		special = a.Mode & 0o7000
		if err := a.owner(item, extra.Owner, &lost); err != nil {
			return lost, err
		}
		if special&0o6000 != 0 && (extra.Owner == nil || lost.has(AttrOwner)) {
			lost.add(AttrSpecial, fmt.Errorf("the owner could not be set: %w", unix.EPERM))
			special &^= 0o6000
		}
	}
	acls, err := a.xattrs(item, extra, &lost)
	if err != nil {
		return lost, err
	}
	// Nothing from here on but setTime changes the mtime.
	now, err := item.stat()
	if err != nil {
		return lost, err
	}
	want := a.permissions(now.Mode)
	if kind != Symlink {
		if err := a.mode(item, now, want, special, &lost); err != nil {
			return lost, err
		}
	}
	if err := a.acls(item, now, special, acls, &lost); err != nil {
		return lost, err
	}
	if err := a.checkSpecial(item, special, &lost); err != nil {
		return lost, err
	}
	if now.MTime != a.MTime { // an item that has it all keeps its ctime too
		err := item.setTime(a.MTime, false)
		if err != nil && losable(err) {
			err = item.setTime(a.MTime, true)
		}
		if err != nil {
			if !losable(err) {
				return lost, err
			}
			lost.add(AttrTime, err)
		}
	}
	if a.Doubt {
		err = a.look(item, kind, want, extra, &lost)
	}
	return lost, err
}

// look finds what the file system took and did not keep. Want are the permission bits
// that the item was given.
func (a *Apply) look(item held, kind Kind, want uint32, extra *Extra, lost *losses) error {
	now, err := item.stat()
	if err != nil {
		return err
	}
	if a.Granted.Xattrs {
		a.lookXattrs(item, extra, lost)
	}
	if lost.has(AttrACL) {
		want = a.bare(now.Mode)
	}
	if kind != Symlink && (now.Mode^want)&0o777 != 0 {
		lost.add(AttrMode, ErrIgnored)
	}
	if a.Granted.Owner && extra.Owner != nil {
		if uid, gid := a.Accounts.Resolve(extra.Owner, a.Granted.Numeric); now.UID != uid || now.GID != gid {
			lost.add(AttrOwner, ErrIgnored)
		}
	}
	if lost.has(AttrTime) || KeptTime(now.MTime, a.MTime) {
		return nil
	}
	if err = item.setTime(a.MTime, true); err == nil {
		now, err = item.stat()
	}
	if err != nil || !KeptTime(now.MTime, a.MTime) {
		lost.add(AttrTime, ErrIgnored)
	}
	return nil
}

// Unapplied is what a asks for of a symbolic link that is as info says, and that gets
// none of it for that cause.
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

// owner sets user and group, unless they are right: chown changes more.
func (a *Apply) owner(item held, o *Owner, lost *losses) error {
	if o == nil {
		return nil
	}
	now, err := item.stat()
	if err != nil {
		return err
	}
	uid, gid := a.Accounts.Resolve(o, a.Granted.Numeric)
	if now.UID == uid && now.GID == gid {
		return nil
	}
	err = item.chown(int(uid), int(gid))
	if err == unix.EPERM && now.GID != gid {
		// Another group of this user's is all that a user may give.
		if again := item.chown(-1, int(gid)); again == nil && now.UID == uid {
			err = nil
		}
	}
	if err != nil && losable(err) {
		lost.add(AttrOwner, err)
		return nil
	}
	return err
}

// acls sets the ACLs of an item of which now tells as it was before its mode. One
// that was to have its permissions from an ACL, and cannot have that, gets those of
// an item without.
func (a *Apply) acls(item held, now Info, special uint32, acls []Xattr, lost *losses) error {
	bare := false
	for _, x := range acls {
		if has, err := item.getXattr(x.Name); err == nil && bytes.Equal(has, x.Value) {
			continue
		}
		if err := item.setXattr(x.Name, x.Value); err != nil {
			if !losable(err) {
				return err
			}
			lost.add(AttrACL, err)
			bare = bare || x.Name == aclAccess
		}
	}
	if !bare || now.Kind == Symlink {
		return nil
	}
	exact, err := item.stat()
	if err != nil {
		return err
	}
	return a.mode(item, exact, a.bare(now.Mode), special, lost)
}

// permissions are the bits of 0777 for an item that has those in have.
func (a *Apply) permissions(have uint32) uint32 {
	if a.Granted.Xattrs && a.Extra.has(aclAccess) {
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

// mode sets the permission bits, and of 07000 those in special, of an item that
// now tells of.
func (a *Apply) mode(item held, now Info, permissions, special uint32, lost *losses) error {
	want := permissions | special
	if now.Kind == Folder && !a.Granted.Owner {
		want |= now.Mode & 0o7000
	}
	if want == now.Mode {
		return nil
	}
	err := item.chmod(want)
	if err != nil && special != 0 && losable(err) {
		// Some file systems and sandboxes refuse these bits.
		if again := item.chmod(want &^ special); again == nil {
			lost.add(AttrSpecial, err)
			return nil
		}
	}
	if err == nil || !losable(err) {
		return err
	}
	if (want^now.Mode)&0o777 != 0 {
		lost.add(AttrMode, err)
	}
	if a.Granted.Owner && (want^now.Mode)&0o7000 != 0 {
		lost.add(AttrSpecial, err)
	}
	return nil
}

// checkSpecial looks whether the bits are there: the system drops a set-group-id
// bit silently where the group is none of the user's.
func (a *Apply) checkSpecial(item held, special uint32, lost *losses) error {
	if special == 0 || lost.has(AttrSpecial) {
		return nil
	}
	now, err := item.stat()
	if err == nil && now.Mode&special != special {
		lost.add(AttrSpecial, unix.EPERM)
	}
	return err
}

// losable tells what one item cannot have from what the whole destination
// suffers from. No space is the first: an attribute has to fit in a block.
func losable(err error) bool {
	return !errors.Is(err, unix.EIO) && !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.ESTALE) &&
		!errors.Is(err, unix.ENOMEM) && !errors.Is(err, unix.EBADF)
}
