package local

import (
	"errors"

	"ferry/transfer/dest"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// NewRehearsal looks at the folder at path, which need not be there, as a
// destination for dry runs.
func NewRehearsal(path string) (storage.Rehearsal, error) {
	r, err := dest.Rehearse(path)
	if err != nil {
		return nil, failure.DestinationEnds("opening", path, err)
	}
	return rehearsal{r, path}, nil
}

// rehearsal completes dest.Rehearsal with what a dry run has no use for.
type rehearsal struct {
	*dest.Rehearsal
	place string // as the user named it
}

func (r rehearsal) Keep(e *tree.Entry) error {
	if !e.Linked {
		return nil
	}
	return r.Remember(e)
}

// Place is the destination as the user named it.
func (r rehearsal) Place() string { return r.place }

func (rehearsal) Leftovers() ([]string, error) { return nil, nil }
func (rehearsal) Finish() error                { return nil }

func (rehearsal) Begin(*tree.Entry) (storage.Partial, error) { return nil, errRehearsed }
func (rehearsal) Publish([]*storage.Publication) error       { return errRehearsed }

// errRehearsed: a dry run that came to write.
var errRehearsed = errors.New("a dry run writes nothing")
