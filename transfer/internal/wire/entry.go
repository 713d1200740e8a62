package wire

import (
	"math"
	"path"
	"strings"
	"time"

	"ferry/framing"
	"ferry/transfer/tree"
)

// Hidden tells whether listings leave out an item of that name, or of one that
// some file system takes for it. Such files configure programs, so people want to know
// of them.
func Hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(tree.FoldKey(name), ".")
}

// RetrySeconds is how long this side waits for a lost link, as the other is
// told; both take the smaller time.
func RetrySeconds(wait time.Duration) uint32 {
	seconds := (wait + time.Second - 1) / time.Second
	return uint32(min(seconds, math.MaxUint32))
}

// FromItem is the entry of it as it crosses the wire, with what m allows.
func FromItem(it *tree.Item, m tree.Metadata) *framing.Entry {
	e := &it.Entry
	w := &framing.Entry{
		ID: e.ID, Parent: e.Parent, Kind: framing.EntryKind(e.Kind), Name: []byte(e.Name),
		Mode: e.Mode, Sec: e.MTime.Sec, Nsec: e.MTime.Nsec, Target: []byte(e.Target),
		Linked: e.Linked, LinkTo: e.LinkTo, Major: e.Major, Minor: e.Minor,
		Holes: holes(it), Ext: wireExtra(e.Extra, m),
	}
	if !m.Owner {
		w.Mode &= 0o777
	}
	if e.Kind == tree.File {
		w.Size = uint64(e.Size)
	}
	return w
}

// ToEntry takes an entry off the wire, with all that it has. It keeps nothing
// of the frame.
func ToEntry(w *framing.Entry) *tree.Entry {
	e := &tree.Entry{
		ID: w.ID, Parent: w.Parent, Kind: tree.Kind(w.Kind), Name: string(w.Name),
		Mode: w.Mode, MTime: tree.Time{Sec: w.Sec, Nsec: w.Nsec}, Target: string(w.Target),
		Linked: w.Linked, LinkTo: w.LinkTo, Major: w.Major, Minor: w.Minor, Extra: treeExtra(w.Ext),
	}
	switch e.Kind {
	case tree.File:
		e.Size = int64(w.Size)
	case tree.Stream:
		e.Size = -1
	}
	return e
}

// PlaceOf is where an item stands that was offered for at, and got another name
// there unless renamed is empty.
func PlaceOf(at, renamed string) string {
	if renamed == "" {
		return at
	}
	return path.Join(path.Dir(at), renamed)
}
