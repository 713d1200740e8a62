package dest

import (
	"errors"
	"path/filepath"

	"ferry/transfer/storage"
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

// exposeRoot returns notes on the destination itself, which stood at path before. It looks
// by the handle, before anything is put into the folder.
func exposeRoot(n *node, path string) []storage.Note {
	info, err := n.dir.Stat()
	if err != nil {
		return nil // what comes next says so
	}
	var above tree.Info
	if privileged() && foreign(info) {
		above = infoOf(filepath.Dir(path))
	}
	loss, is := exposure(info, above, nil, nil)
	if !is {
		return nil
	}
	n.told, n.owner = loss.What, info.UID
	return []storage.Note{{Path: ".", Loss: loss}}
}

// infoOf looks at the folder at path. What cannot be looked at is nothing.
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

// expose returns notes on n, which was taken over in parent and is as info says. A note on
// the folder above holds for all in it, and is not repeated.
func (m *folderMaker) expose(parent, n *node, info tree.Info) []storage.Note {
	if info.Mode&0o1002 != 0o002 && !foreign(info) {
		return nil
	}
	var above tree.Info
	if privileged() && foreign(info) {
		above, _ = parent.dir.Stat() // without it nothing is told
	}
	loss, is := exposure(info, above, n.entry, m.dress.ownerHere)
	if !is {
		return nil
	}
	n.told, n.owner = loss.What, info.UID
	if n.told == parent.told && (n.told != tree.AttrForeign || n.owner == parent.owner) {
		return nil
	}
	return []storage.Note{{Path: n.dir.Path(), Loss: loss}}
}

// ownerHere is the user that e's item is to belong to here.
func (d *dresser) ownerHere(e *tree.Entry) (uid uint32, ok bool) {
	if !d.granted.Owner || e.Extra == nil || e.Extra.Owner == nil {
		return 0, false
	}
	uid, _ = d.accounts.Resolve(e.Extra.Owner, d.granted.Numeric)
	return uid, true
}

// exposure tells how a folder in above is exposed. Root may deliver to the folders of all
// users. So it is told of a foreign folder only if anybody could have put it there, and if
// the entry does not give it to its owner. A mode that the source has too is not told.
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
