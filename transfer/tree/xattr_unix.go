//go:build linux || darwin

package tree

import (
	"bytes"
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// xattrs makes item have the attributes of extra, and returns those that are to
// be set after its mode. Without Granted.Xattrs a new item has the ACL that its folder
// gives, and no other that it inherited where it was made.
func (a *Apply) xattrs(item held, extra *Extra, lost *losses) (acls []Xattr, err error) {
	if !a.Granted.Xattrs {
		switch {
		case !a.Fresh:
		case a.Inherit != nil:
			err = inheritACL(item, a.Inherit.access(a.bare(0)))
		case !a.NoACL:
			err = dropACL(item)
		}
		return nil, err
	}
	root := a.rules()
	have, err := item.listXattrs()
	if Refused(err) {
		have, err = nil, nil // then setting one says so
	}
	if err != nil {
		if !losable(err) {
			return nil, err
		}
		lost.add(AttrXattrs, err)
	}
	// What the sender's item does not have goes, unless its list is not whole. An
	// inherited ACL goes in any case.
	for _, name := range have {
		kept := extra.Missing && !(a.Fresh && name == aclAccess)
		if kept || !removable(name, root) || slices.ContainsFunc(extra.Xattrs, func(x Xattr) bool { return x.Name == name }) {
			continue
		}
		if err := item.removeXattr(name); err != nil && !absentXattr(err) {
			if !losable(err) {
				return nil, err
			}
			lost.add(attrOf(name), err)
		}
	}
	for _, x := range extra.Xattrs {
		what := attrOf(x.Name)
		if err := checkXattr(x.Name); err != nil {
			lost.add(what, err)
			continue
		}
		if a.Granted.Declines(x.Name) {
			lost.add(what, ErrDeclined)
			continue
		}
		if !transferable(x.Name, root) {
			lost.add(what, unix.EPERM)
			continue
		}
		if what == AttrACL { // after the mode, which rewrites its mask
			acls = append(acls, a.localXattr(x))
			continue
		}
		if slices.Contains(have, x.Name) {
			if now, err := item.getXattr(x.Name); err == nil && bytes.Equal(now, x.Value) {
				continue // setting it again would only change the ctime
			}
		}
		if err := item.setXattr(x.Name, x.Value); err != nil {
			if !losable(err) {
				return nil, err
			}
			lost.add(what, err)
		}
	}
	return acls, nil
}

// rules tells whether attributes of the system are set and taken off here.
func (a *Apply) rules() bool { return a.Granted.System && os.Geteuid() == 0 }

// localXattr is an attribute as it is to be here: an ACL with this machine's
// numbers.
func (a *Apply) localXattr(x Xattr) Xattr {
	if attrOf(x.Name) == AttrACL && !a.Granted.Numeric && a.Accounts != nil {
		x.Value = a.Accounts.localACL(x.Value, a.Extra.Names)
	}
	return x
}

// readXattrs returns the attributes of item that a delivery carries, in the
// order of their names, and whether some had to be left out.
func readXattrs(item held, lost *losses) (all []Xattr, missing bool) {
	names, err := item.listXattrs()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, false
	}
	if err != nil {
		lost.add(AttrXattrs, notReadable(err))
		return nil, true
	}
	slices.Sort(names)
	root := os.Geteuid() == 0
	room := MaxXattrBytes
	for _, name := range slices.Compact(names) {
		if !transferable(name, root) {
			continue
		}
		value, err := item.getXattr(name)
		if absentXattr(err) {
			continue // gone since
		}
		if err == nil && (len(all) == MaxXattrs || len(value) > MaxXattrValue || len(name)+len(value) > room) {
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

// readExtra returns what item base of d, or d itself if base is empty, has
// beyond mode and mtime. What cannot be read is returned and left out.
func (d *Dir) readExtra(base string, info Info, follow bool, m Metadata, accounts *Accounts) (*Extra, []Loss) {
	var x Extra
	var lost losses
	if m.Owner {
		x.Owner = accounts.Of(info, m.Numeric)
	}
	if m.Xattrs {
		read := func(item held) { x.Xattrs, x.Missing = readXattrs(item, &lost) }
		var err error
		if base == "" {
			err = d.at("reading attributes of", "", func(fd int) error { read(heldFile(fd)); return nil })
		} else {
			err = d.withXattrs(base, info, follow, read)
		}
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
func (a *Apply) lookXattrs(item held, extra *Extra, lost *losses) {
	for _, x := range extra.Xattrs {
		what := attrOf(x.Name)
		if lost.has(what) || checkXattr(x.Name) != nil || !transferable(x.Name, a.rules()) || a.Granted.Declines(x.Name) {
			continue
		}
		if now, err := item.getXattr(x.Name); err != nil || !bytes.Equal(now, a.localXattr(x).Value) {
			lost.add(what, ErrIgnored)
		}
	}
}
