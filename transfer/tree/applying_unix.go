//go:build unix

package tree

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// held is an item by its handle, or by its name where the system has no handle for its
// kind. Errors are the bare numbers of the system.
type held interface {
	stat() (Info, error)
	// chown leaves what is -1 as it is. It clears set-id bits and capabilities.
	chown(uid, gid int) error
	// chmod takes mode & 07777. It fails for symbolic links.
	chmod(mode uint32) error
	// setTime sets the mtime, and leaves the atime alone. With both it sets the atime
	// too, to what it is: file systems of libfuse 2 ignore a call that leaves one out.
	setTime(mtime Time, both bool) error
	// The four about attributes fail with errors.ErrUnsupported where the file system
	// has none.
	listXattrs() ([]string, error)
	getXattr(name string) ([]byte, error)
	setXattr(name string, value []byte) error
	removeXattr(name string) error
}

// applying is an Apply at work on one item. Its methods return an error only for what
// the whole destination suffers from; what the item cannot have goes to lost.
//
// The order is what each step needs:
//  1. owner, since chown clears set-id bits and capabilities
//  2. attributes, while the mode still lets them be set
//  3. mode
//  4. ACLs, since a mode rewrites their mask
//  5. a look at the special bits, which may be dropped silently
//  6. mtime, which nothing after step 2 changes but itself
//  7. with Doubt, a look at all that was set
type applying struct {
	*Apply
	item held
	kind Kind
	told *Extra // Apply.Extra, or an empty one
	// special are the bits of 07000 that the item is to have.
	special uint32
	lost    losses
}

func (w *applying) run() error {
	if err := w.owner(); err != nil {
		return err
	}
	acls, err := w.xattrs()
	if err != nil {
		return err
	}
	now, err := w.item.stat()
	if err != nil {
		return err
	}
	want := w.permissions(now.Mode)
	if w.kind != Symlink {
		if err := w.mode(now, want); err != nil {
			return err
		}
	}
	if err := w.acls(now, acls); err != nil {
		return err
	}
	if err := w.checkSpecial(); err != nil {
		return err
	}
	if now.MTime != w.MTime { // an item that has it all keeps its ctime too
		if err := w.time(); err != nil {
			return err
		}
	}
	if w.Doubt {
		return w.look(want)
	}
	return nil
}

// owner sets user and group, and decides about the special bits: without the owner
// that the sender tells, set-id bits would serve somebody else.
func (w *applying) owner() error {
	if !w.Granted.Owner {
		return nil
	}
	w.special = w.Mode & 0o7000
	if err := w.chown(w.told.Owner); err != nil {
		return err
	}
	if w.special&0o6000 != 0 && (w.told.Owner == nil || w.lost.has(AttrOwner)) {
		w.lost.add(AttrSpecial, fmt.Errorf("the owner could not be set: %w", unix.EPERM))
		w.special &^= 0o6000
	}
	return nil
}

// chown sets user and group, unless they are right: the system's call changes more.
func (w *applying) chown(o *Owner) error {
	if o == nil {
		return nil
	}
	now, err := w.item.stat()
	if err != nil {
		return err
	}
	uid, gid := w.Accounts.Resolve(o, w.Granted.Numeric)
	if now.UID == uid && now.GID == gid {
		return nil
	}
	err = w.item.chown(int(uid), int(gid))
	if err == unix.EPERM && now.GID != gid {
		// Another group of this user's is all that a user may give.
		if again := w.item.chown(-1, int(gid)); again == nil && now.UID == uid {
			err = nil
		}
	}
	if err != nil && losable(err) {
		w.lost.add(AttrOwner, err)
		return nil
	}
	return err
}

// mode sets the permission bits and the special ones of an item that is as now says.
func (w *applying) mode(now Info, permissions uint32) error {
	want := permissions | w.special
	if now.Kind == Folder && !w.Granted.Owner {
		want |= now.Mode & 0o7000
	}
	if want == now.Mode {
		return nil
	}
	err := w.item.chmod(want)
	if err != nil && w.special != 0 && losable(err) {
		// Some file systems and sandboxes refuse these bits.
		if again := w.item.chmod(want &^ w.special); again == nil {
			w.lost.add(AttrSpecial, err)
			return nil
		}
	}
	if err == nil || !losable(err) {
		return err
	}
	if (want^now.Mode)&0o777 != 0 {
		w.lost.add(AttrMode, err)
	}
	if w.Granted.Owner && (want^now.Mode)&0o7000 != 0 {
		w.lost.add(AttrSpecial, err)
	}
	return nil
}

// acls sets ACLs of an item that was as now says before its mode was set. An item that
// was to have its permissions from an ACL, and cannot have the ACL, gets the
// permissions of an item without one.
func (w *applying) acls(now Info, acls []Xattr) error {
	bare := false
	for _, x := range acls {
		if has, err := w.item.getXattr(x.Name); err == nil && bytes.Equal(has, x.Value) {
			continue
		}
		if err := w.item.setXattr(x.Name, x.Value); err != nil {
			if !losable(err) {
				return err
			}
			w.lost.add(AttrACL, err)
			bare = bare || x.Name == aclAccess
		}
	}
	if !bare || now.Kind == Symlink {
		return nil
	}
	exact, err := w.item.stat()
	if err != nil {
		return err
	}
	return w.mode(exact, w.bare(now.Mode))
}

// checkSpecial looks whether the bits are there: the system drops a set-group-id
// bit silently where the group is none of the user's.
func (w *applying) checkSpecial() error {
	if w.special == 0 || w.lost.has(AttrSpecial) {
		return nil
	}
	now, err := w.item.stat()
	if err == nil && now.Mode&w.special != w.special {
		w.lost.add(AttrSpecial, unix.EPERM)
	}
	return err
}

func (w *applying) time() error {
	err := w.item.setTime(w.MTime, false)
	if err != nil && losable(err) {
		err = w.item.setTime(w.MTime, true)
	}
	if err != nil && losable(err) {
		w.lost.add(AttrTime, err)
		return nil
	}
	return err
}

// look finds what the file system took and did not keep. Want are the permission bits
// that the item was given.
func (w *applying) look(want uint32) error {
	now, err := w.item.stat()
	if err != nil {
		return err
	}
	if w.Granted.Xattrs {
		w.lookXattrs()
	}
	if w.lost.has(AttrACL) {
		want = w.bare(now.Mode)
	}
	if w.kind != Symlink && (now.Mode^want)&0o777 != 0 {
		w.lost.add(AttrMode, ErrIgnored)
	}
	if o := w.told.Owner; w.Granted.Owner && o != nil {
		if uid, gid := w.Accounts.Resolve(o, w.Granted.Numeric); now.UID != uid || now.GID != gid {
			w.lost.add(AttrOwner, ErrIgnored)
		}
	}
	if w.lost.has(AttrTime) || KeptTime(now.MTime, w.MTime) {
		return nil
	}
	if err = w.item.setTime(w.MTime, true); err == nil {
		now, err = w.item.stat()
	}
	if err != nil || !KeptTime(now.MTime, w.MTime) {
		w.lost.add(AttrTime, ErrIgnored)
	}
	return nil
}

// losable reports whether err is about what one item cannot have. Other errors are about
// the whole destination. No space is about the item: an attribute has to fit in a block.
func losable(err error) bool {
	return !errors.Is(err, unix.EIO) && !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.ESTALE) &&
		!errors.Is(err, unix.ENOMEM) && !errors.Is(err, unix.EBADF)
}
