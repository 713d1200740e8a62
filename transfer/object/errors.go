package object

import (
	"context"
	"errors"
	"io/fs"

	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Causes that this package finds itself. They are wrapped in a storage.Error.
var (
	errTaken         = errors.New("something has that name")
	errLinks         = errors.New("an object store has files and folders only")
	errMissing       = errors.New("not all of the content came")
	errOutside       = errors.New("chunk outside the file")
	errOver          = errors.New("the content is complete already, or given up")
	errReplaced      = errors.New("what an earlier delivery uploaded of this file is not what it is now, though its size and time are the same; run the same command again")
	errForeign       = errors.New("another delivery has taken over this file, since this one was not heard of for two minutes")
	errUnconditional = errors.New("the store heeds no conditions of writes, so that two deliveries at the same time may overwrite each other's files")
	errEnded         = errors.New("the unfinished upload is gone from the store, since somebody completed or aborted it; run the same command again")
	errTooLong       = errors.New("no store of objects takes a file of that size")
)

// cause is the failure of a request, told without the request: the step is named already.
type cause struct{ of *bucket.Error }

func (c cause) Error() string { return c.of.Err.Error() }
func (c cause) Unwrap() error { return c.of }

// fail wraps err, unless it is a storage.Error already; nil stays nil.
func fail(op, path string, err error) error {
	var own *storage.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	kind := classify(err)
	if request := new(bucket.Error); errors.As(err, &request) {
		err = cause{request}
	}
	return &storage.Error{Kind: kind, Op: op, Path: path, Err: err}
}

// classify is the one place where a failure of the store becomes a storage.Kind.
func classify(err error) storage.Kind {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(storage.ErrLocked), is(errForeign):
		return storage.Locked
	case is(storage.ErrMismatch):
		return storage.Mismatch
	case is(storage.ErrChanged), is(errReplaced), is(errEnded), is(fs.ErrExist), is(errTaken):
		return storage.Conflict
	case is(errKey), is(tree.ErrName):
		return storage.Name
	case is(tree.ErrNotRegular):
		return storage.OtherKind
	case is(errLinks):
		return storage.Unsupported
	case is(errTooLong):
		return storage.TooLarge
	case is(context.Canceled):
		return storage.IO
	}
	switch kindOf(err) {
	case bucket.Denied:
		return storage.Permission
	case bucket.Precondition:
		return storage.Conflict
	case bucket.Mismatch:
		return storage.Mismatch
	case bucket.NoSpace:
		return storage.NoSpace
	case bucket.NoBucket:
		return storage.Gone
	}
	return storage.IO
}

// kindOf is the kind of the bucket.Error in err; bucket.Other if there is none.
func kindOf(err error) bucket.Kind {
	var e *bucket.Error
	if !errors.As(err, &e) {
		return bucket.Other
	}
	return e.Kind
}

// stops reports that no other item can fare better after err.
func stops(err error) bool {
	switch storage.KindOf(err) {
	case 0:
		return err != nil
	case storage.IO, storage.NoSpace, storage.ReadOnly, storage.Gone:
		return true
	}
	return false
}
