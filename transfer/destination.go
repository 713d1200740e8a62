package transfer

import (
	"context"
	"fmt"
	"iter"
	"os"

	"ferry/checksum"
	"ferry/transfer/dest"
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

// adjuster is a Destination that tells, before the call that settles an entry
// returns, that this found it the same and changed its metadata.
type adjuster interface {
	OnAdjusted(tell func(id uint64))
}

// doorkeeper is a Destination that can say before the bytes of an item come that it
// will not take it.
type doorkeeper interface {
	MayPut(*tree.Entry) error
}

// timekeeper is a Destination that knows what it keeps of times: file systems round
// them down.
type timekeeper interface {
	// KeepsTime tells whether found, of what stands at the entry's name, has the
	// mtime that is made of the entry's here.
	KeepsTime(e *tree.Entry, found tree.Info) bool
}

// witness is a Destination that knows what tells that an item there has changed: not
// all file systems show each time at once.
type witness interface {
	// Unchanged tells whether now, of what stands at the entry's name, is what before was.
	Unchanged(e *tree.Entry, now, before tree.Info) bool
}

// exposer is a Destination that tells which of the folders that stood there already,
// and are used, are not this user's alone, and what there may be a hard link or a copy.
type exposer interface {
	OnExposed(tell func(path string, lost tree.Loss))
}

// clearer is a Destination in which items may take the place of those of another
// kind. Folders that do so, MakeFolder sees to.
type clearer interface {
	MakeWay(*dest.Prune)
	MakesWay() bool // MakeWay was called
	// Clear fails if the folder that has e's name may not make way.
	Clear(e *tree.Entry) error
}

// Rehearsal is a Destination that changes nothing and says what would happen.
// Begin and Publish are not called.
type Rehearsal interface {
	Destination
	// Allocated is the space that a partial of the entry takes already, in bytes.
	Allocated(*tree.Entry) int64
}

// Partial is a file on its way, by chunks of checksum.ChunkSize. Different
// chunks may be written concurrently.
type Partial interface {
	// Present yields the chunks that an interrupted delivery left here, with
	// the chaining value that it noted: a hint, to be hashed before it counts.
	// Chunks that are written meanwhile may be among them or not.
	Present(ctx context.Context) iter.Seq2[uint64, checksum.CV]
	WriteChunk(index uint64, b []byte, cv checksum.CV) error
	// WriteHole makes chunk index read as n zeros, without storing them.
	WriteHole(index uint64, n int, cv checksum.CV) error
	ReadChunk(index uint64, buf []byte) (int, error)
	// Allocated is the space that it takes already, in bytes.
	Allocated() int64
	// CopyChunk takes a chunk from an older file, inside the kernel if possible.
	CopyChunk(from *os.File, index uint64, n int) error
	// Mark notes the chaining value of a chunk that was copied and hashed.
	Mark(index uint64, cv checksum.CV)
	// Write stores the whole content of a file of one chunk or less.
	Write(b []byte) error
	SetDigest(checksum.Digest)
	// Seal gives the file its size and metadata; no writes follow.
	Seal(e *tree.Entry, size int64) error
	// Discard ends a partial that is not published; keep leaves it for the next
	// delivery.
	Discard(keep bool) error
}

// sparsePartial is a Partial that can leave out blocks of zeros in what is
// written, for content that has holes at the sender.
type sparsePartial interface {
	Partial
	KeepHoles()
}

// keepHoles tells p if e's content has holes.
func keepHoles(p Partial, e *inEntry) {
	if sparse, ok := p.(sparsePartial); ok && e.holes > 0 {
		sparse.KeepHoles()
	}
}

// Publication asks for one sealed file to get its final name.
type Publication struct {
	Partial Partial
	Entry   *tree.Entry
	Replace bool // an existing file may be replaced
	// Expect is what was to be replaced when that was decided; if it has changed
	// since, the result is a conflict.
	Expect *tree.Info
	Rename bool   // a free name is to be found if the name is taken
	Name   string // set when another name was used
	Err    error  // set when it failed
}

// FolderOptions say how a folder keeps what lands in it.
type FolderOptions struct {
	NoSync     bool // give up the power-cut part of the promise
	VerifyDisk bool // read everything back, past the page cache where possible
}

// NewFolder opens the folder at path as a Destination and makes it if it is
// absent.
func NewFolder(path string, o FolderOptions) (Destination, error) {
	f, err := dest.Open(path, dest.Options{NoSync: o.NoSync, VerifyDisk: o.VerifyDisk})
	if err != nil {
		return nil, destinationEnds("opening", path, err)
	}
	return folder{Folder: f, place: path, durable: !o.NoSync}, nil
}

// folder adapts dest.Folder, whose methods return concrete types.
type folder struct {
	*dest.Folder
	place   string // as the user named it
	durable bool   // wished for
}

func (f folder) Begin(e *tree.Entry) (Partial, error) {
	p, err := f.Folder.Begin(e)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (f folder) Publish(batch []*Publication) error {
	inner := make([]*dest.Publication, len(batch))
	for i, b := range batch {
		inner[i] = &dest.Publication{P: b.Partial.(*dest.Partial), E: b.Entry, Replace: b.Replace, Expect: b.Expect, Rename: b.Rename}
	}
	err := f.Folder.Publish(inner)
	for i, b := range batch {
		b.Name, b.Err = inner[i].Name, inner[i].Err
	}
	return err
}

// placeOfDestination is d as the user named it, if it is known.
func placeOfDestination(d Destination) string {
	switch d := d.(type) {
	case folder:
		return d.place
	case rehearsal:
		return d.place
	}
	return ""
}

// durability tells whether d's Finish, which came before, reached stable storage, and
// if not, and that was not the user's choice, why.
func durability(d Destination) (durable bool, unsynced error) {
	f, ok := d.(folder)
	if !ok || !f.durable {
		return false, nil
	}
	if err := f.Unsynced(); err != nil {
		return false, &UnsyncedError{Place: f.place, Err: err}
	}
	return true, nil
}

// UnsyncedError is why what was delivered is verified and not durable, though it was
// to be: the file system of the destination cannot sync.
type UnsyncedError struct {
	Place string // the destination, as the user named it
	Err   error
}

func (e *UnsyncedError) Error() string {
	return fmt.Sprintf("the file system of %q cannot sync: %v", e.Place, plain(e.Err))
}

func (e *UnsyncedError) Unwrap() error { return e.Err }
