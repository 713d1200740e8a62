//go:build unix

package tree

import (
	"bytes"
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// xattrs makes the item have the attributes that the sender tells, and returns those
// that are to be set after its mode. Without Granted.Xattrs a new item has the ACL that
// its folder gives, and no other that it inherited where it was made.
func (w *applying) xattrs() (acls []Xattr, err error) {
	if !w.Granted.Xattrs {
		switch {
		case !w.Fresh:
		case w.Inherit != nil:
			err = inheritACL(w.item, w.Inherit.access(w.bare(0)))
		case !w.NoACL:
			err = dropACL(w.item)
		}
		return nil, err
	}
	have, err := w.item.listXattrs()
	if Refused(err) {
		have, err = nil, nil // then setting one says so
	}
	if err != nil {
		if !losable(err) {
			return nil, err
		}
		w.lost.add(AttrXattrs, err)
	}
	if err := w.removeXattrs(have); err != nil {
		return nil, err
	}
	return w.setXattrs(have)
}

// removeXattrs takes off what the sender's item does not have, unless its list is not
// whole. An inherited ACL goes in any case.
func (w *applying) removeXattrs(have []string) error {
	root := w.rules()
	for _, name := range have {
		kept := w.told.Missing && !(w.Fresh && name == aclAccess)
		if kept || !removable(name, root) || w.told.has(name) {
			continue
		}
		if err := w.item.removeXattr(name); err != nil && !absentXattr(err) {
			if !losable(err) {
				return err
			}
			w.lost.add(attrOf(name), err)
		}
	}
	return nil
}

// setXattrs sets what the sender tells but for ACLs, which it returns: a mode that is
// set later rewrites their mask.
func (w *applying) setXattrs(have []string) (acls []Xattr, err error) {
	root := w.rules()
	for _, x := range w.told.Xattrs {
		what := attrOf(x.Name)
		switch err := checkXattr(x.Name); {
		case err != nil:
			w.lost.add(what, err)
			continue
		case what == AttrACL && !posixACLs:
			w.lost.add(what, errors.ErrUnsupported)
			continue
		case w.Granted.Declines(x.Name):
			w.lost.add(what, ErrDeclined)
			continue
		case !transferable(x.Name, root):
			w.lost.add(what, unix.EPERM)
			continue
		case what == AttrACL:
			acls = append(acls, w.localXattr(x))
			continue
		}
		if slices.Contains(have, x.Name) {
			if now, err := w.item.getXattr(x.Name); err == nil && bytes.Equal(now, x.Value) {
				continue // setting it again would only change the ctime
			}
		}
		if err := w.item.setXattr(x.Name, x.Value); err != nil {
			if !losable(err) {
				return nil, err
			}
			w.lost.add(what, err)
		}
	}
	return acls, nil
}

// rules reports whether attributes of the system are set and removed here.
func (a *Apply) rules() bool { return a.Granted.System && os.Geteuid() == 0 }

// localXattr returns an attribute as it is set here: an ACL gets this machine's numbers.
func (a *Apply) localXattr(x Xattr) Xattr {
	if attrOf(x.Name) == AttrACL && !a.Granted.Numeric && a.Accounts != nil {
		x.Value = a.Accounts.localACL(x.Value, a.Extra.Names)
	}
	return x
}

// readXattrs returns the attributes of item that a delivery carries, in the order of
// their names, and whether some had to be left out.
func readXattrs(item held, lost *losses) (all []Xattr, missing bool) {
	if tellsACL(securityOf(item)) {
		lost.add(AttrACL, errForeignACL)
	}
	names, err := item.listXattrs()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, false
	}
	if err != nil {
		lost.add(AttrXattrs, cause(err))
		return nil, true
	}
	slices.Sort(names)
	root := os.Geteuid() == 0
	room := maxXattrBytes
	for _, name := range slices.Compact(names) {
		if !transferable(name, root) {
			if err := leftOut(name); err != nil {
				lost.add(attrOf(name), err)
				missing = true
			}
			continue
		}
		value, err := item.getXattr(name)
		if absentXattr(err) {
			continue // gone since
		}
		if err == nil && (len(all) == maxXattrs || len(value) > maxXattrValue || len(name)+len(value) > room) {
			err = errXattrs
		}
		if err == nil {
			err = checkXattr(name)
		}
		if err != nil {
			lost.add(attrOf(name), err)
			missing = true
			continue
		}
		room -= len(name) + len(value)
		all = append(all, Xattr{name, value})
	}
	return all, missing
}

// withXattrs calls read with the item name of d, which is as info says, or with d itself
// if name is empty.
func withXattrs(d *Dir, name string, info Info, follow bool, read func(held)) error {
	if name != "" {
		return withNamedXattrs(d, name, info, follow, read)
	}
	return d.at("reading attributes of", "", func(h handle) error { read(heldFile(h)); return nil })
}

// readExtra returns what item base of d, or d itself if base is empty, has beyond mode
// and mtime, and the loss of what cannot be read.
func readExtra(d *Dir, base string, info Info, follow bool, m Metadata, accounts *Accounts) (*Extra, []Loss) {
	var x Extra
	var lost losses
	if m.Owner {
		x.Owner = accounts.Of(info, m.Numeric)
	}
	if m.Xattrs {
		err := withXattrs(d, base, info, follow, func(item held) { x.Xattrs, x.Missing = readXattrs(item, &lost) })
		if err != nil {
			x.Missing = true
			lost.add(AttrXattrs, err)
		}
		if !m.Numeric {
			x.Names = accounts.aclNames(x.Xattrs)
		}
	}
	if x.Owner == nil && len(x.Xattrs) == 0 && !x.Missing {
		return nil, lost
	}
	return &x, lost
}

// lookXattrs finds the attributes that the file system took and did not keep.
func (w *applying) lookXattrs() {
	for _, x := range w.told.Xattrs {
		what := attrOf(x.Name)
		if w.lost.has(what) || checkXattr(x.Name) != nil || !transferable(x.Name, w.rules()) || w.Granted.Declines(x.Name) {
			continue
		}
		if now, err := w.item.getXattr(x.Name); err != nil || !bytes.Equal(now, w.localXattr(x).Value) {
			w.lost.add(what, ErrIgnored)
		}
	}
}
