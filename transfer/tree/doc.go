// Package tree is the names and folders of both sides of a delivery: what an
// entry is, which names are refused, folders held by handle, and the walk that
// turns the sender's paths into entries. It builds on Linux, macOS, FreeBSD, NetBSD,
// OpenBSD and Windows.
//
// It guarantees that every call below a folder opened with [Dirs.Open] names one component
// relative to an open handle. No component is followed if it is a link, whatever another
// process does meanwhile. A folder whose handle was given up is found again component by
// component, and refused if it is another one. Only [Walk.Follow], for the sender, follows
// links.
//
// Names are bytes. They are checked and refused, never repaired, and appear in errors
// as they are: the caller that shows an error escapes it. For whoever wants to store an item
// whose name a file system does not hold, EscapeName has another one, and says why that one.
//
// golang.org/x/text/unicode/norm helps to tell which names a file system may take for
// one (FoldKey), because the standard library has no tables of compositions.
//
// Metadata beyond mode & 0777 and mtime is read and applied on Linux, in part on macOS and
// the systems from BSD, and not on Windows: `ferry help platforms` has a table. What cannot
// be read or applied is a Loss and no error, one of a kind for an item. Numbers of users
// and groups inside ACLs are carried as they are.
//
// Files named *_unix.go are for all systems but Windows, *_bsd.go for those without Linux,
// as the first line of each says. What few of them have is in files named by the system.
//
// Not here: the rules of gitignore (package filter), and which existing item may be
// replaced (package dest).
//
// The package starts no goroutine. A Walk runs in its caller's. A Dirs and its folders,
// an Accounts and an Extents may be used from many goroutines; each has its own lock,
// and only [Dir.ReadNames] takes two: that of its folder's lister, then that of the
// Dirs. One walk holds the names of one folder per level of the current path, about 50
// bytes each. A List is in memory whole. A Survey, which several walks share, has two kinds
// of locks, which are never held together.
package tree
