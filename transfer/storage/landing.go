package storage

import (
	"ferry/checksum"
	"ferry/transfer/tree"
)

// Finder tells what stands at the destination.
type Finder interface {
	// Stat tells what stands under e's name, links not followed; an error that is
	// fs.ErrNotExist if nothing does. What this delivery put into a folder that it made may
	// count as nothing.
	Stat(e *tree.Entry) (tree.Info, error)
	// Open opens the regular file under e's name, to compare with it or to copy from
	// it. The caller closes it. An error that is fs.ErrNotExist: nothing stands there.
	Open(e *tree.Entry) (File, error)
	// MayPut fails if it is known, or cheap to find out, that an item with e's name
	// cannot be put into its folder. It comes before the bytes. The first item that a
	// folder does not take fails with the cause, the others with the Kind Consequence.
	MayPut(e *tree.Entry) error
	// KeepsTime tells whether found, which Stat returned for e, has the mtime that is made
	// of e's here: some places round times down.
	KeepsTime(e *tree.Entry, found tree.Info) bool
	// Unchanged tells whether now, of what stands under e's name, is the version that
	// before was.
	Unchanged(e *tree.Entry, now, before tree.Info) bool
	// Free is the space left, in bytes; math.MaxInt64 where nobody knows.
	Free() (int64, error)
}

// Maker makes items that have no content, and takes those that are there. An item of
// another kind in the way is the Kind OtherKind, unless there is a Way.
type Maker interface {
	// MakeFolder makes e's folder, or takes over the one that is there, for the entries
	// that name e.ID as their Parent. An e of kind Root stands for the destination itself.
	// E is kept until FinishFolder and must not change. A name that the place is seen to take
	// for that of another item of this delivery is the Kind Conflict; Twins tell for sure.
	MakeFolder(e *tree.Entry) (Outcome, error)
	// FinishFolder ends the folder e.ID: it gets the metadata that MakeFolder was told.
	// The destination itself gets its metadata in Destination.Finish. The id is forgotten
	// also with an error. The Kind Gone: something else has its name by now.
	FinishFolder(e *tree.Entry) (Outcome, error)
	// UnmakeFolder takes back MakeFolder for a folder that was not there before, and into
	// which nothing was put. Of any other it only forgets the id.
	UnmakeFolder(e *tree.Entry) error
	// MakeLink makes a symbolic link. If another item has the name, it is replaced if
	// replace says so; else the Kind is Conflict.
	MakeLink(e *tree.Entry, replace bool) (Outcome, error)
	// Keep has the item under e's name, which was found the same, made durable with the
	// rest. It writes nothing.
	Keep(e *tree.Entry) (Outcome, error)
	// Touch is Keep for a file that gets e's metadata as well. A file with other names,
	// which are not hard links of e, is replaced by a copy of its own.
	Touch(e *tree.Entry) (Outcome, error)
}

// Digester is a Maker of a place that keeps the digest of each file beside it.
type Digester interface {
	// TouchRead is Touch for a file that Finder.Open gave and of which all was read: its
	// content has that digest. The Kind Conflict: it is another one by now.
	TouchRead(e *tree.Entry, root checksum.Digest) (Outcome, error)
}

// Special makes items that not every place can have. Names that are taken are as in
// Maker.MakeLink.
type Special interface {
	// MakeNode makes a FIFO, a socket or a device.
	MakeNode(e *tree.Entry, replace bool) (Outcome, error)
	// MakeHardLink makes e a further name of the entry e.LinkTo, which was made, published
	// or kept with Linked. The target is forgotten after an e without Linked. The Kind
	// Unsupported: the target is not known, or cannot have a name there.
	MakeHardLink(e *tree.Entry, replace bool) (Outcome, error)
	// Forget says that no more hard links to the entry id come.
	Forget(id uint64)
}

// Way is the leave to put an item in the place of a folder, and a folder in the place of
// another item. What stood there is kept aside.
type Way interface {
	// Clear fails if the folder under e's name may not make way for e. It changes nothing.
	Clear(e *tree.Entry) error
}

// Backups keeps items that are about to be replaced. It is called by several goroutines, for
// different entries.
type Backups interface {
	// Keep gives what stands under e's name, which is no folder, a further name: as, in the
	// same folder, or at the same path in a folder for backups, if the destination was given
	// one. An earlier item of that name goes. It returns what stands under e's name now: the
	// further name may show in it. An error that is fs.ErrNotExist: nothing stands there. The
	// Kind Conflict: it is not what expect is, if that is not nil. The Kind Unsupported: the
	// place cannot.
	Keep(e *tree.Entry, as string, expect *tree.Info) (tree.Info, error)
}

// Estimate tells what a delivery would need, in a dry run.
type Estimate interface {
	// Allocated is the space that a Partial of e takes already, in bytes.
	Allocated(e *tree.Entry) int64
	// Shares tells whether a new version of the file under e's name would share with it
	// the space of what is equal.
	Shares(e *tree.Entry) bool
}

// Names gives items names that the place can hold.
type Names interface {
	// Fit returns the name under which e is stored in its folder: e's own if the place
	// holds it, else tree.EscapeName's. It is the same each time, and two items get one name
	// only if one of them has it as its own. An error of the Kind Name: no name will do.
	// E's own name is one that tree.CheckComponent takes, and may be none for the other
	// methods of the Landing. Fit makes nothing that stays. A place with Names has Twins too.
	Fit(e *tree.Entry) (name string, err error)
}

// Twins tells which names are one for the destination: where case is folded, or the
// forms of letters are.
type Twins interface {
	// Relate tells how e's name is related to another one of the same tree.FoldKey in
	// e's folder, by what stands there. Stands says that something of this delivery has
	// the other name. It makes nothing.
	Relate(e *tree.Entry, other string, stands bool) (Relation, error)
	// Borrowed tells whether what stands under e's name is another item, for which the
	// place made that name up (tree.IsShortName).
	Borrowed(e *tree.Entry) (bool, error)
}

// Relation is how two names in one folder of the destination are related.
type Relation uint8

// The relations.
const (
	Unknown  Relation = iota // nothing has either name, and nothing else tells
	Apart                    // they are two names
	Together                 // the place takes one for the other
)
