package storage

import "ferry/transfer/tree"

// Adjuster is a Destination that tells, before the call that settles an entry
// returns, that this found it the same and changed its metadata.
type Adjuster interface {
	OnAdjusted(tell func(id uint64))
}

// Doorkeeper is a Destination that can say before the bytes of an item come that it
// will not take it.
type Doorkeeper interface {
	MayPut(*tree.Entry) error
}

// Timekeeper is a Destination that knows what it keeps of times: file systems round
// them down.
type Timekeeper interface {
	// KeepsTime tells whether found, of what stands at the entry's name, has the
	// mtime that is made of the entry's here.
	KeepsTime(e *tree.Entry, found tree.Info) bool
}

// Witness is a Destination that knows what tells that an item there has changed: not
// all file systems show each time at once.
type Witness interface {
	// Unchanged tells whether now, of what stands at the entry's name, is what before was.
	Unchanged(e *tree.Entry, now, before tree.Info) bool
}

// Exposer is a Destination that tells which of the folders that stood there already,
// and are used, are not this user's alone, and what there may be a hard link or a copy.
type Exposer interface {
	OnExposed(tell func(path string, lost tree.Loss))
}

// Clearer is a Destination in which items may take the place of those of another
// kind. Folders that do so, MakeFolder sees to.
type Clearer interface {
	MakesWay() bool // it was asked to let them
	// Clear fails if the folder that has e's name may not make way.
	Clear(e *tree.Entry) error
}

// Relation is how two names in one folder of a destination are related.
type Relation uint8

const (
	// Unknown: nothing has either name, and the folder has not told otherwise.
	Unknown Relation = iota
	// Apart: they are two names.
	Apart
	// Together: the file system takes one for the other.
	Together
)

// Relater is a Destination that can tell whether its file system takes two names
// for one.
type Relater interface {
	// Relate tells how e's name is related to another of the same tree.FoldKey in
	// e's folder, by what stands there. Stands says that something of this delivery
	// has that other name.
	Relate(e *tree.Entry, other string, stands bool) (Relation, error)
	// Borrowed tells whether e's name was made up for another item.
	Borrowed(e *tree.Entry) (bool, error)
	// Unmake takes back MakeFolder of a folder that was not there.
	Unmake(*tree.Entry) error
}

// Placed is a Destination that knows how the user named it.
type Placed interface {
	Place() string
}

// Durable is a Destination that tells whether its Finish, which came before, reached
// stable storage, and if not, and that was not the user's choice, why.
type Durable interface {
	Durable() (durable bool, unsynced error)
}

// Remarker is a Destination that tells after Finish what else it could not do.
type Remarker interface {
	Remarks() []Remark
}

// Remark is something of ferry's own at the destination that could not be removed.
type Remark struct {
	Path string // relative to the destination
	Err  error
}
