package tree

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
)

const (
	// posixACLs: the system has POSIX ACLs as attributes of that name.
	posixACLs = runtime.GOOS == "linux" || runtime.GOOS == "android"
	// appleNames: attributes of users and of the system have no names of their own.
	appleNames = runtime.GOOS == "darwin"
)

// ofUsers reports whether an attribute rules over nothing but its item: one of a user or an
// ACL. Where names do not tell, each is taken for one.
func ofUsers(name string) bool {
	return appleNames || attrOf(name) == AttrACL || strings.HasPrefix(name, "user.")
}

// transferable reports whether this system reads and sets an attribute: those of users
// always, ACLs where they are of this kind, others between root and root unless they are
// the system's own.
func transferable(name string, root bool) bool {
	switch {
	case attrOf(name) == AttrACL:
		return posixACLs
	case appleNames:
		return !ofThisMac(name)
	case ofUsers(name):
		return true
	}
	return root && !strings.HasPrefix(name, "system.")
}

// removable reports whether an attribute may be removed here: if a delivery carries it, and
// it is no label, because labels belong to the policy of this machine.
func removable(name string, root bool) bool {
	return transferable(name, root) && name != "security.selinux"
}

// The attributes of macOS that people know of, and that are not carried.
const (
	resourceFork = "com.apple.ResourceFork"
	quarantine   = "com.apple.quarantine"
)

// ofThisMac reports whether an attribute of macOS is not carried: the two above, and what
// the system keeps about the item on one machine, and mostly lets nobody set.
func ofThisMac(name string) bool {
	switch name {
	case resourceFork, quarantine, "com.apple.macl", "com.apple.provenance", "com.apple.rootless", "com.apple.decmpfs":
		return true
	}
	return strings.HasPrefix(name, "com.apple.system.")
}

var (
	errResourceFork = errors.New("resource forks are not carried")
	errQuarantine   = errors.New("the mark of quarantine is not carried")
	errForeignACL   = errors.New("ACLs of macOS are not carried")
)

// leftOut returns why an attribute that is not transferable is to be told; nil for one that
// nobody misses.
func leftOut(name string) error {
	switch name {
	case resourceFork:
		return errResourceFork
	case quarantine:
		return errQuarantine
	}
	return nil
}

// tellsACL reports whether what getattrlist(2) of macOS answers about an item's security
// has an ACL in it: 4 B length of all | 4 B where the ACL is | 4 B length of the ACL | ACL
func tellsACL(answer []byte) bool {
	const head = 12
	return len(answer) >= head && binary.NativeEndian.Uint32(answer) >= head && binary.NativeEndian.Uint32(answer[8:]) > 0
}
