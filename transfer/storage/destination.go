// Package storage says what a delivery needs of the place where it lands. It holds
// interfaces and the values that cross them, and no code of any one destination.
package storage

import (
	"os"

	"ferry/transfer/tree"
)

// Destination is what Receive needs of the place where a delivery lands. All
// methods but Finish and Close are safe for concurrent use on different
// entries. An entry's parent was made before the entry is named here.
type Destination interface {
	// Stat tells what stands under the entry's name; fs.ErrNotExist if nothing.
	Stat(*tree.Entry) (tree.Info, error)
	// MakeFolder makes the folder or adopts the one that is there.
	MakeFolder(*tree.Entry) (existed bool, err error)
	// FinishFolder gives a folder its metadata once its children are settled.
	FinishFolder(*tree.Entry) error
	// MakeLink makes a symbolic link; same: it was there with this target.
	MakeLink(e *tree.Entry, replace bool) (same bool, err error)
	// Existing opens the file under the entry's name, for comparing or as basis.
	Existing(*tree.Entry) (*os.File, tree.Info, error)
	// Keep has a file that was found the same made durable with the rest.
	Keep(*tree.Entry) error
	// Touch is Keep that gives the file the entry's metadata as well.
	Touch(*tree.Entry) error
	// Begin starts a file, or goes on with a partial of it.
	Begin(*tree.Entry) (Partial, error)
	// Publish syncs the sealed files of a batch and gives them their names.
	// The result of each is in its Err; the returned error ends the delivery.
	Publish([]*Publication) error
	// Leftovers are the partials here that nobody works on, as paths relative to
	// the destination. Those of which nobody took care for long are removed.
	Leftovers() ([]string, error)
	// Free is the space left, in bytes.
	Free() (int64, error)
	// Finish makes all that was published durable. Nothing follows but Close.
	Finish() error
	Close() error
}

// MetadataDestination is a Destination that can keep more of an item than its
// mode & 0777 and mtime. To any other nothing more is granted.
type MetadataDestination interface {
	Destination
	// Grant says, before anything else, what of entries' metadata is applied. Lost
	// is told, from any goroutine, what of an entry could not be: before the call
	// that makes or finishes the entry returns, of the destination itself before
	// Finish does.
	Grant(m tree.Metadata, lost func(id uint64, lost []tree.Loss))
	// MakeNode makes a device, FIFO or socket; same: it was there.
	MakeNode(e *tree.Entry, replace bool) (same bool, err error)
	// MakeHardLink makes e a further name of the entry e.LinkTo, which was made or
	// found with Linked; same: it is that already.
	MakeHardLink(e *tree.Entry, replace bool) (same bool, err error)
	// Forget ends the waiting for hard links to an entry.
	Forget(id uint64)
}

// Rehearsal is a Destination that changes nothing and says what would happen.
// Begin and Publish are not called.
type Rehearsal interface {
	Destination
	// Allocated is the space that a partial of the entry takes already, in bytes.
	Allocated(*tree.Entry) int64
}
