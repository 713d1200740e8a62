package storage

import (
	"context"
	"fmt"

	"ferry/transfer/tree"
)

// Pruner removes from a destination, after a delivery, what the source has not. Package dest
// says how.
type Pruner interface {
	// MakeWay lets what Prune would remove make way for items of another kind. It comes
	// before the first item; after Start it returns the Way.
	MakeWay(*Prune) Way
	// FindMoved lets what Prune would remove be found by its size, where it may be what comes
	// under another name. It comes before the first item; after Start it returns the Moved,
	// nil if there is none.
	FindMoved(*Prune) Moved
	// Prune comes after Finish. Errors: ErrTooMany, ErrEmptySource, the Kind Gone, or the
	// cause of ctx. An error about one item goes to Prune.Failed.
	Prune(context.Context, *Prune) error
	// Asides are what made way and was not pruned: where it stood, by where it is.
	Asides() map[string]string
	// Unsynced is why what Prune did may not last.
	Unsynced() error
}

// Moved finds files at the destination that may have been moved or renamed at the source: they
// have a size that is asked for, and Prune would remove them.
type Moved interface {
	// Find returns some files of e's size, the likeliest first: with e's mtime, and with its
	// name; one that has neither only if it alone has the size. How many there are is bounded; some may not be found. One goroutine calls it.
	Find(ctx context.Context, e *tree.Entry) []*Former
}

// Former is a file that may be what comes under another name. Nobody has compared it.
type Former struct {
	Path string // relative to the destination
	// Open opens it, if it has not changed since it was found. Any goroutine may call it. The
	// File may be what Partial.CopyChunk copies from.
	Open func() (File, error)
}

// Mirror says what may be removed after a delivery.
type Mirror struct {
	// Max is how many items may be removed, a folder and all in it counted one by one. If
	// there are more, none is.
	Max int64
	// All deletes for a source folder with nothing in it too, see ErrEmptySource.
	All bool
	// Keep names paths relative to the destination that stay in any case. May be nil.
	Keep func(path string) bool
}

// Allows returns nil if n items may go, and else ErrTooMany. All says that n is how many
// there are, and not only those that were counted until there were too many.
func (m *Mirror) Allows(n int64, all bool) error {
	switch {
	case n <= m.Max:
		return nil
	case all:
		return fmt.Errorf("%w: %d, and %d are allowed", ErrTooMany, n, m.Max)
	}
	return fmt.Errorf("%w: more than the %d that are allowed", ErrTooMany, m.Max)
}

// Prune says what is to be removed: what stands in folders that were delivered whole, and
// not in those folders.
type Prune struct {
	Mirror
	Sources []PruneSource
	// Find gives the Sources of MakeWay and FindMoved once they are needed; nil: Sources has them.
	Find func() ([]PruneSource, error)
	// Own reports whether a folder of the destination is a source itself that the other side
	// has, on this machine. May be nil.
	Own func(tree.Info) bool
	// Backup, if it is not nil, has what is no folder kept under another name.
	Backup *PruneBackup

	// What became of an item is told as it happens, from the goroutine that called Prune
	// and under no lock. A dry run tells what would become of it.
	Removed func(path string, info tree.Info)
	Failed  func(path string, err error) // it stays, though it should not
	Left    func(path string)            // a folder stays for what is in it
}

// PruneBackup says how what is pruned is kept.
type PruneBackup struct {
	Suffix string
	Apart  bool                  // in the destination's folder for backups; else beside it
	Kept   func(path, as string) // tells of one that was kept, or would be
}

// PruneSource is a top-level item of the delivery.
type PruneSource struct {
	Path   string              // as the user calls it, for errors; empty if Folder tells it
	Name   string              // at the destination; empty for the contents of a folder
	Folder func() SourceFolder // gives one to the goroutine that asks; nil for what is no folder
	// Before is what the source was before the delivery, if it is on this machine.
	Before tree.Info
}

// SourceFolder is a folder of the source, to be held beside one of the destination. Its
// methods are called by one goroutine at a time.
type SourceFolder interface {
	// Look looks at the folder, and comes before the others but Child. An error that is
	// ErrSourceChanged: it may not have what it had before the delivery.
	Look() (FolderLook, error)
	// Find tells of what kind the item of that name is, 0 if there is none. A link that is
	// followed is of the kind of its end.
	Find(name string) (tree.Kind, error)
	// Delivers reports, of a source itself, whether something in it is not left out.
	Delivers() bool
	// LeavesOut reports whether a rule that holds in the folder leaves out the item at rel, a
	// path below the source.
	LeavesOut(rel string, folder bool) (bool, error)
	// Child is a folder in it.
	Child(name string) SourceFolder
}

// FolderLook is what a folder of the source is.
type FolderLook struct {
	Path    string // of a source itself: as its user calls it
	MTime   tree.Time
	Foreign bool           // on another file system, where that is left out: it has nothing
	Names   []tree.DirName // in the order of their bytes
}
