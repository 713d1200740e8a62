package dest

import (
	"errors"

	"ferry/transfer/storage"
)

// fail wraps err, unless it is a storage.Error already, and nil stays nil.
func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var e *storage.Error
	if errors.As(err, &e) {
		return err
	}
	return &storage.Error{Kind: classify(err), Op: op, Path: path, Err: err}
}

// stops reports that no other item can fare better after err.
func stops(err error) bool {
	switch storage.KindOf(err) {
	case 0:
		return err != nil
	case storage.IO, storage.NoSpace, storage.ReadOnly:
		return true
	}
	return false
}
