package local

import (
	"path"
	"strings"

	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// own tells items of the destination that are items of a source too, as where a folder is
// copied to where it is: to remove those from the source would lose them. One goroutine
// uses it.
type own struct {
	to   *receive.Options // of a dry run, which removes nothing, it has no Destination
	dirs *tree.Dirs
	root *tree.Dir // of the destination; nil until it is needed
}

func newOwn(to *receive.Options) *own { return &own{to: to, dirs: tree.NewDirs(2)} }

// spared is a removal that leaves the destination's own items alone; nil if there is none.
func (o *own) spared(r *send.Removal) *send.Removal {
	if r == nil {
		return nil
	}
	// A caller has no word in it: where it copies to, this package knows.
	return &send.Removal{Spare: o.is, Strict: r.Strict}
}

// is tells whether info, of a source, is the very item that stands at a path of the
// destination, or if nobody can tell.
func (o *own) is(at string, info tree.Info) bool {
	dst := o.to.Destination
	if dst == nil {
		return true
	}
	if o.root == nil {
		root, err := o.dirs.Open(dst.Place())
		if err != nil {
			return true
		}
		o.root = root
	}
	dir, name := o.root, path.Base(at)
	for at, _ = path.Split(at); at != ""; {
		var folder string
		folder, at, _ = strings.Cut(at, "/")
		dir = dir.Child(folder)
	}
	there, err := dir.Lstat(name)
	return err != nil || there.SameFile(info)
}

// close lets go of the folder.
func (o *own) close() {
	_ = o.dirs.Close() // it was only read
}
