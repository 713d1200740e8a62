// Package tree is the names and folders of both sides of a delivery: what an
// entry is, which names are refused, folders held by handle, and the walk that
// turns the sender's paths into entries. It builds on Linux, macOS and Windows.
//
// Guarantees, on Linux and macOS: below a folder opened with [Dirs.Open] every
// call names one component relative to an open handle, and no component is
// followed if it is a link, whoever races it. A folder whose handle was given
// up is found again component by component and refused if it is another one.
// Only [Walk.Follow], for the sender, follows links. On Windows os.Root
// confines, and links are refused by looking first and comparing identities
// afterwards; a link that comes and goes in between is followed, inside the
// root only.
//
// Names are bytes. They are checked and refused, never repaired, and appear in
// errors as they are: whoever shows an error escapes it.
//
// Which names a file system may take for one (FoldKey), golang.org/x/text/unicode/norm
// helps to tell: the standard library has no tables of compositions.
//
// Metadata beyond mode & 0777 and mtime is read and applied on Linux, in part on
// macOS (no attributes of links, no special files), not on Windows. What cannot
// be is a Loss and no error, one of a kind for an item. Numbers of users and
// groups inside ACLs are carried as they are.
//
// Not here: which existing item may be replaced.
//
// The package starts no goroutine. A Walk runs in its caller's; a Dirs and its
// folders may be used from many. One walk holds the names of one folder per
// level of the current path, about 50 bytes each; a List is in memory whole.
package tree
