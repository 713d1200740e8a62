package local

import (
	"errors"

	"ferry/transfer/dest"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/here"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// FolderOptions say how a folder keeps what lands in it.
type FolderOptions struct {
	NoSync      bool   // give up the power-cut part of the promise
	Backups     string // a folder for backups, from the folder; empty: they stand beside
	VerifyDisk  bool   // read everything back, past the page cache where possible
	EscapeNames bool   // store an item under tree.EscapeName where the folder does not hold its name
}

func (o FolderOptions) dest() dest.Options {
	return dest.Options{NoSync: o.NoSync, Backups: o.Backups, VerifyDisk: o.VerifyDisk, EscapeNames: o.EscapeNames}
}

// NewFolder opens the folder at path as a Destination and makes it if it is
// absent.
func NewFolder(path string, o FolderOptions) (storage.Destination, error) {
	f, err := dest.Open(path, o.dest())
	if err != nil {
		return nil, failure.DestinationEnds("opening", path, err)
	}
	return f, nil
}

// NewRehearsal looks at the folder at path, which need not be there, as a
// destination for dry runs. Of the options only EscapeNames counts.
func NewRehearsal(path string, o FolderOptions) (storage.Destination, error) {
	r, err := dest.Rehearse(path, o.dest())
	if err != nil {
		return nil, failure.DestinationEnds("opening", path, err)
	}
	return r, nil
}

// Free is how many bytes may still be written to the folder at path, or where it would be
// made; math.MaxInt64 if the file system tells no size. Nothing is made.
func Free(path string) (int64, error) {
	r, err := dest.Rehearse(path, dest.Options{})
	if err != nil {
		return 0, failure.DestinationEnds("opening", path, err)
	}
	free, err := r.Free()
	return free, errors.Join(err, r.Close())
}

// own tells items of the destination that are items of a source too, as where a folder is
// copied to where it is: to remove those from the source would lose them. One goroutine
// uses it.
type own struct {
	to    *receive.Options // of a dry run, which removes nothing, it has no Destination
	place *here.Place      // nil until it is needed
}

func newOwn(to *receive.Options) *own { return &own{to: to} }

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
	if o.place == nil {
		if o.to.Destination == nil {
			return true
		}
		o.place = here.NewPlace(o.to.Destination.Place())
	}
	is, sure := o.place.Is(at, info)
	return is || !sure
}

// close lets go of the folder.
func (o *own) close() { o.place.Close() }
