package storage

import "ferry/transfer/tree"

// Destination is the place where one delivery lands.
type Destination interface {
	// Place is the destination as the user named it, for messages.
	Place() string
	// Start begins the delivery. It is called once and before all else, but for Place
	// and Close. Granted is what of the metadata beyond mode & 0777 and mtime entries
	// bring; Landing.Keeps says what of it is kept here. Granted.Umask holds in any case.
	Start(granted tree.Metadata) (*Landing, error)
	// Finish gives the destination itself its metadata and makes all that was published,
	// made or kept durable. The Report is valid beside an error too, as far as Finish
	// came. Nothing follows but Close.
	Finish() (Report, error)
	// Close lets go of everything. What was begun and not published stays for the next
	// delivery as Partial.Discard(true) leaves it. Further calls do nothing.
	Close() error
}

// Landing is a Destination at work for one delivery. A field that is nil is an ability
// that the destination has not.
type Landing struct {
	Keeps tree.Metadata // what of the metadata granted is kept, Umask included
	Notes []Note        // on the destination itself

	Finder Finder
	Maker  Maker
	// Special is there if Keeps has Devices or HardLinks.
	Special Special
	// Files is nil in a dry run: then Estimate is there.
	Files    Files
	Estimate Estimate
	Names    Names // nil: each item is stored under its own name, or refused
	Twins    Twins // nil: no two names are one
	Way      Way   // nil: no item makes way for one of another kind
	Backups  Backups
	Pruner   Pruner // nil: nothing is deleted there
	Moved    Moved  // nil: nobody looks for what was moved
}

// Outcome is what became of an entry beside an error. It is valid without one only.
type Outcome struct {
	// Same: the item was there. A folder was taken over; a link, a special file or a
	// file that was found the same is left as it is, but for its metadata.
	Same bool
	// Adjusted: it was there, and its metadata was changed, or would be in a dry run.
	Adjusted bool
	// Lost is what of the entry's metadata could not be applied, one Loss of a kind.
	Lost []tree.Loss
	// Notes are on what stood there before.
	Notes []Note
}

// Note is something about an item that the user may want to know. A folder is not this
// user's alone (tree.AttrForeign, tree.AttrOpen), or a name may be a copy and no hard link
// (tree.AttrUnsureLink).
type Note struct {
	Path string // relative to the destination, slashes, raw bytes; "." for itself
	Loss tree.Loss
}

// Report is what Finish has to tell.
type Report struct {
	// Durable: all of the delivery is on stable storage, and a power cut loses none.
	Durable bool
	// Store is the object store that acknowledged all of it, as its user calls it: then Durable
	// is the store's word. Empty: disks of this machine have it.
	Store string
	// Unsynced is why it is not, if it was to be and nothing failed: the place cannot
	// sync.
	Unsynced error
	// Lost is what could not be applied to the destination itself, of the entry of kind
	// Root that has the id Root. Of several such entries the last one counts.
	Root uint64
	Lost []tree.Loss
	// Leftovers are what earlier deliveries left here, in the order of their paths. What
	// nobody took care of for long is removed, and not among them. LeftoversErr is why they
	// could not be looked for; nothing of this delivery depends on it.
	Leftovers    []Leftover
	LeftoversErr error
	// Remarks are what else could not be done. Nothing delivered is missing for it.
	Remarks []Remark
}

// Leftover is something of ferry's own that an earlier delivery left.
type Leftover struct {
	Path  string // relative to the destination
	Aside bool   // it made way for an item of another kind, else it is an unfinished file
}

// Remark is something at the destination that the user may want to see to.
type Remark struct {
	Path string // relative to the destination
	Err  error
}
