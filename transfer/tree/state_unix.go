//go:build unix

package tree

import (
	"errors"
	"os"
	"slices"
	"strings"
)

// readXattrs reads the attributes of name in d, or of d itself.
func (s *State) readXattrs(d *Dir, name string) {
	read := func(item held) {
		names, err := item.listXattrs()
		if s.without = errors.Is(err, errors.ErrUnsupported); s.without || err == nil && len(names) == 0 {
			return // most have none
		}
		var lost losses
		s.Xattrs, s.unread = readXattrs(item, &lost)
	}
	err := withXattrs(d, name, s.Info, false, read)
	s.unread = s.unread || err != nil
}

// Outcome foresees what ToFile, ToFolder and ToName make of an existing item that is as
// now says. Whole reports that the item then has all that a tells, so that it needs no
// call if nothing differs. Outcome does not foresee what the file system cannot keep,
// nor what only the attempt shows to be forbidden.
func (a *Apply) Outcome(now *State) (then State, whole bool) {
	then, whole = *now, true
	extra := a.Extra
	if extra == nil {
		extra = &Extra{}
	}
	special := uint32(0)
	if a.Granted.Owner {
		special = a.Mode & 0o7000
		owned := extra.Owner != nil
		if owned {
			then.UID, then.GID, owned = a.outcomeOwner(now, extra.Owner)
			whole = owned
		}
		if special&0o6000 != 0 && !owned {
			special, whole = special&^0o6000, false
		}
	}
	if now.Kind == Symlink {
		whole = whole && special == 0
	} else {
		permissions := a.permissions(now.Mode)
		if now.without {
			permissions = a.bare(now.Mode) // there will be no ACL
		}
		then.Mode = permissions | special
		if now.Kind == Folder && !a.Granted.Owner {
			then.Mode |= now.Mode & 0o7000
		}
	}
	then.MTime = a.MTime
	if a.Granted.Xattrs {
		all := a.outcomeXattrs(now, extra)
		then.Xattrs, whole = all, whole && all.whole(extra, a.rules()) && !now.unread
	}
	return then, whole
}

// outcomeOwner returns the user and group that the item will have, and whether that is
// what o says. Only root gives an item to another user. Its owner may give it to other
// groups of the owner's.
func (a *Apply) outcomeOwner(now *State, o *Owner) (uid, gid uint32, whole bool) {
	uid, gid = a.Accounts.Resolve(o, a.Granted.Numeric)
	self := os.Geteuid()
	if self == 0 || uid == now.UID && gid == now.GID {
		return uid, gid, true
	}
	groups, err := os.Getgroups()
	mine := err == nil && (gid == uint32(os.Getegid()) || slices.Contains(groups, int(gid)))
	if now.UID != uint32(self) || !mine {
		return now.UID, now.GID, false
	}
	return now.UID, gid, now.UID == uid
}

// attributes are the attributes of an item, in the order of their names.
type attributes []Xattr

// whole reports whether all has every attribute that extra tells.
func (all attributes) whole(extra *Extra, root bool) bool {
	for _, x := range extra.Xattrs {
		if !transferable(x.Name, root) || !slices.ContainsFunc(all, func(y Xattr) bool { return x.Name == y.Name }) {
			return false
		}
	}
	return true
}

// outcomeXattrs returns the attributes that an item has after applying.xattrs.
func (a *Apply) outcomeXattrs(now *State, extra *Extra) attributes {
	if now.without {
		return nil
	}
	root := a.rules()
	var all attributes
	told := func(name string) bool { return transferable(name, root) && extra.has(name) }
	for _, x := range now.Xattrs {
		if (extra.Missing || !removable(x.Name, root)) && !told(x.Name) {
			all = append(all, x)
		}
	}
	for _, x := range extra.Xattrs {
		if checkXattr(x.Name) == nil && transferable(x.Name, root) {
			all = append(all, a.localXattr(x))
		}
	}
	slices.SortFunc(all, func(x, y Xattr) int { return strings.Compare(x.Name, y.Name) })
	return all
}
