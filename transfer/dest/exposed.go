package dest

import (
	"errors"
	"path/filepath"

	"ferry/transfer/tree"
)

// Why what is put into a folder is not this user's alone.
var (
	errAnybody   = errors.New("anybody may put, replace and remove items in it")
	errSomebodys = errors.New("who can read, replace and remove what is put into it")
)

// ownedBy says whose a folder is.
type ownedBy struct{ owner string }

func (e ownedBy) Error() string { return "it belongs to " + e.owner + ", " + errSomebodys.Error() }
func (ownedBy) Unwrap() error   { return errSomebodys }

// OnExposed has tell called for the destination and for each folder taken that stood
// there already, if another user owns it or anybody may write to it, and that was not
// told of the folder above: before anything is put into it, from its handle. It is also
// called, from any goroutine, for each name that was taken for a hard link and may be a
// copy. It comes before anything else.
func (f *Folder) OnExposed(tell func(path string, lost tree.Loss)) {
	f.exposed = tell
	info, err := f.root.dir.Stat()
	if err != nil {
		return // what comes next says so
	}
	var above tree.Info
	if privileged() && foreign(info) {
		above = infoOf(filepath.Dir(f.path))
	}
	if loss, is := exposure(info, above, nil, nil); is {
		f.root.told, f.root.owner = loss.What, info.UID
		tell(".", loss)
	}
}

// infoOf is what root needs to know of the folder that the destination is in.
func infoOf(path string) tree.Info {
	dirs := tree.NewDirs(1)
	defer dirs.Close() // only looked at
	dir, err := dirs.Open(path)
	if err != nil {
		return tree.Info{}
	}
	info, err := dir.Stat()
	if err != nil {
		return tree.Info{}
	}
	return info
}

// expose tells of n, which was taken and is as info says.
func (f *Folder) expose(parent, n *node, info tree.Info) {
	if f.exposed == nil || info.Mode&0o1002 != 0o002 && !foreign(info) {
		return
	}
	var above tree.Info
	if privileged() && foreign(info) {
		above, _ = parent.dir.Stat() // without it nothing is told
	}
	loss, is := exposure(info, above, n.entry, f.ownerHere)
	if !is {
		return
	}
	n.told, n.owner = loss.What, info.UID
	// What holds for the folder above holds for all in it.
	if n.told != parent.told || n.told == tree.AttrForeign && n.owner != parent.owner {
		f.exposed(n.dir.Path(), loss)
	}
}

// ownerHere is the user that e's item is to belong to here.
func (f *Folder) ownerHere(e *tree.Entry) (uid uint32, ok bool) {
	if !f.meta.Owner || e.Extra == nil || e.Extra.Owner == nil {
		return 0, false
	}
	uid, _ = f.accounts.Resolve(e.Extra.Owner, f.meta.Numeric)
	return uid, true
}

// exposure is what is to be told of a folder in above. Root may deliver to the folders
// of all users: only one that its owner could have put where anybody may, and that is
// not to be that owner's, is told. A mode that the source has too is its own matter.
func exposure(info, above tree.Info, e *tree.Entry, ownerHere func(*tree.Entry) (uint32, bool)) (tree.Loss, bool) {
	if ownStateName() == "" {
		return tree.Loss{}, false // access is by lists here
	}
	anybody := info.Mode&0o1002 == 0o002
	if foreign(info) && info.UID != 0 {
		told := !privileged() || above.Mode&0o002 != 0
		if told && e != nil {
			if uid, ok := ownerHere(e); ok && uid == info.UID {
				told = false
			}
		}
		if told {
			return tree.Loss{What: tree.AttrForeign, Err: ownedBy{ownerOf(info)}}, true
		}
	}
	if anybody && (e == nil || e.Mode&0o002 == 0) {
		return tree.Loss{What: tree.AttrOpen, Err: errAnybody}, true
	}
	return tree.Loss{}, false
}
