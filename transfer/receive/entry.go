package receive

import (
	"slices"
	"strings"

	"ferry/framing"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// entry is an entry at the receiver, from its announcement to its verdict. What it is
// does not change; its state does, see life.go.
type entry struct {
	id     uint64
	kind   tree.Kind
	name   string  // as announced, or what the gate made of that
	sent   string  // as announced, if name is an escaped one; else empty. Set by the gate
	parent *folder // nil at the top; set by the gate
	weight int64   // part of ledger.held
	holes  uint64  // bytes of the content announced that take no space at the sender, about

	// Guarded by ledger.mu.
	state   state
	number  uint8       // of the sender's attempt
	item    *tree.Entry // replaced when the sender says that it changed; only the planner does so, and may read it without the lock
	attempt *attempt    // nil: nothing is asked for
	said    int         // frames of the sender about it that the planner has not handled
	told    told
	holds   holdings

	choice choice     // the planner's, until the entry is asked for
	twin   *twinState // nil if there is nothing to say; guarded by twins
	link   linkRole   // set by links before the entry is planned
}

// choice is what the planner decided on an entry, and needs to decide again after
// CHANGED or a comparison.
type choice struct {
	replace *tree.Info        // the file to be replaced, as it was when that was decided
	backup  string            // the name that this is kept under; empty: under none
	rename  bool              // it gets a name of the form `name (1)`
	at      string            // that name; the destination may find it taken by then
	former  *storage.Former   // what it may be, under another name; nil: nothing
	formers []*storage.Former // what else it may be
	sought  bool              // that was looked for
	tried   int               // names of that form that were compared
	answer  *framing.FileEnd  // what the sender said of its content when it was to be compared
	most    int64             // the largest size announced, in bytes
}

// told is what was noted of an entry whose verdict is still to come.
type told struct {
	warned   bool // WARN names it
	adjusted bool // it was found the same, and its metadata changed
}

// holdings are what an entry has of what is scarce. It is given back when the entry is
// settled.
type holdings struct {
	slot   bool  // of asker.large
	temp   bool  // of settler.temps
	source bool  // of window.sources
	room   int64 // bytes promised to it and not written: part of room's account
	pieces int64 // of settler.pieces
}

// stored is how much of an announced file needs room, as far as the sender knows.
func (e *entry) stored() int64 {
	return max(e.item.Size-int64(e.holes), min(e.item.Size, 0)) // it may have changed since
}

// path is relative to the destination. It is made when it is needed: many
// entries of a deep folder would keep its long path many times.
func (e *entry) path() string {
	if e.kind == tree.Root {
		return "."
	}
	return e.parent.child(e.name)
}

// folder is a folder that is not finished. A root stands for the destination itself.
type folder struct {
	item    *tree.Entry
	parent  *folder
	root    bool
	depth   int
	length  int  // of its path, in bytes
	existed bool // it was there before
	failed  bool // it could not be made: its children fail too

	// Guarded by ledger.mu.
	pending int  // children announced and not settled
	ended   bool // FOLDER-END came

	names folderNames // see twins
}

// newFolder is the folder of an entry. With failed, it is kept for failing its children
// until it ends, and is in flight no more.
func newFolder(e *entry, existed, failed bool) *folder {
	f := &folder{item: e.item, parent: e.parent, root: e.kind == tree.Root, existed: existed, failed: failed}
	if failed {
		bare := *e.item
		bare.Extra = nil
		f.item = &bare
	}
	if !f.root {
		f.depth, f.length = 1, len(e.item.Name)
	}
	if e.parent != nil {
		f.depth, f.length = e.parent.depth+1, e.parent.length+1+len(e.item.Name)
	}
	return f
}

// path is relative to the destination, empty for a root. One that nothing can
// have, of folders that failed, is cut at its beginning.
func (f *folder) path() string {
	if f == nil || f.root {
		return ""
	}
	parts := []string{f.item.Name}
	for total := 0; f.parent != nil && !f.parent.root; f = f.parent {
		if total += len(f.parent.item.Name) + 1; total > tree.MaxPath {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, f.parent.item.Name)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// child is the path of an entry in the folder; a nil folder is the top.
func (f *folder) child(name string) string {
	if path := f.path(); path != "" {
		return path + "/" + name
	}
	return name
}
