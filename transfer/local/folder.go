package local

import (
	"fmt"

	"ferry/transfer/dest"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// FolderOptions say how a folder keeps what lands in it.
type FolderOptions struct {
	NoSync     bool // give up the power-cut part of the promise
	VerifyDisk bool // read everything back, past the page cache where possible
}

// NewFolder opens the folder at path as a Destination and makes it if it is
// absent.
func NewFolder(path string, o FolderOptions) (storage.Destination, error) {
	f, err := dest.Open(path, dest.Options{NoSync: o.NoSync, VerifyDisk: o.VerifyDisk})
	if err != nil {
		return nil, failure.DestinationEnds("opening", path, err)
	}
	return folder{Folder: f, place: path, durable: !o.NoSync}, nil
}

// folder adapts dest.Folder, whose methods return concrete types.
type folder struct {
	*dest.Folder
	place   string // as the user named it
	durable bool   // wished for
}

var _, _ storage.Relater = folder{}, rehearsal{}

func (f folder) Begin(e *tree.Entry) (storage.Partial, error) {
	p, err := f.Folder.Begin(e)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (f folder) Publish(batch []*storage.Publication) error {
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

// Place is the folder as the user named it.
func (f folder) Place() string { return f.place }

// Remarks tells what else could not be done.
func (f folder) Remarks() (list []storage.Remark) {
	for _, r := range f.Folder.Remarks() {
		list = append(list, storage.Remark{Path: r.Path, Err: r.Err})
	}
	return list
}

// Durable tells whether Finish reached stable storage.
func (f folder) Durable() (durable bool, unsynced error) {
	if !f.durable {
		return false, nil
	}
	if err := f.Unsynced(); err != nil {
		return false, &unsyncedError{Place: f.place, Err: err}
	}
	return true, nil
}

// unsyncedError is why what was delivered is verified and not durable, though it was
// to be: the file system of the destination cannot sync.
type unsyncedError struct {
	Place string // the destination, as the user named it
	Err   error
}

func (e *unsyncedError) Error() string {
	return fmt.Sprintf("the file system of %q cannot sync: %v", e.Place, failure.Plain(e.Err))
}

func (e *unsyncedError) Unwrap() error { return e.Err }
