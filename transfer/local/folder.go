package local

import (
	"context"
	"errors"

	"ferry/transfer/dest"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
)

// FolderOptions say how a folder keeps what lands in it.
type FolderOptions struct {
	NoSync     bool   // give up the power-cut part of the promise
	Backups    string // a folder for backups, from the folder; empty: they stand beside
	VerifyDisk bool   // read everything back, past the page cache where possible
}

// NewFolder opens the folder at path as a Destination and makes it if it is
// absent.
func NewFolder(path string, o FolderOptions) (storage.Destination, error) {
	f, err := dest.Open(path, dest.Options{NoSync: o.NoSync, VerifyDisk: o.VerifyDisk, Backups: o.Backups})
	if err != nil {
		return nil, failure.DestinationEnds("opening", path, err)
	}
	return f, nil
}

// NewRehearsal looks at the folder at path, which need not be there, as a
// destination for dry runs.
func NewRehearsal(path string) (storage.Destination, error) {
	r, err := dest.Rehearse(path)
	if err != nil {
		return nil, failure.DestinationEnds("opening", path, err)
	}
	return r, nil
}

// Free is how many bytes may still be written to the folder at path, or where it would be
// made; math.MaxInt64 if the file system tells no size. Nothing is made.
func Free(path string) (int64, error) {
	r, err := dest.Rehearse(path)
	if err != nil {
		return 0, failure.DestinationEnds("opening", path, err)
	}
	free, err := r.Free()
	return free, errors.Join(err, r.Close())
}

// pruner is a destination that Delete works on: a folder, or the rehearsal of one.
type pruner interface {
	// MakeWay lets items of another kind make way for what is delivered. It comes before
	// Start.
	MakeWay(*dest.Prune)
	Prune(context.Context, *dest.Prune) error
	// Asides are what made way and was not pruned: where it stood, by where it is.
	Asides() map[string]string
	// Unsynced is why what Prune did may not last.
	Unsynced() error
}

var _, _ pruner = (*dest.Folder)(nil), (*dest.Rehearsal)(nil)
