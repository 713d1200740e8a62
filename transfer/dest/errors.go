package dest

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
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
	return &storage.Error{Kind: classify(err), Op: op, Path: path, Err: tree.Known(err)}
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

// classify is the one place where a system's error becomes a storage.Kind, and with that what
// it costs: IO, NoSpace, ReadOnly and Gone concern the destination as a whole, all else
// one item. What is not known here is IO. Absence means Gone: callers that may find
// nothing ask for fs.ErrNotExist before.
func classify(err error) storage.Kind {
	err = tree.Known(err)
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case is(errToldBefore):
		return storage.Consequence
	case is(storage.ErrMismatch):
		return storage.Mismatch
	case is(storage.ErrLocked):
		return storage.Locked
	case is(storage.ErrChanged):
		return storage.Conflict
	case is(storage.ErrGone, tree.ErrReplaced, syscall.ESTALE):
		return storage.Gone
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return storage.NoSpace
	case is(syscall.EFBIG):
		return storage.TooLarge
	case is(syscall.EROFS):
		return storage.ReadOnly
	case is(tree.ErrName, tree.ErrTooDeep, syscall.ENAMETOOLONG, syscall.EILSEQ), is(syscall.EINVAL) && naming(err):
		return storage.Name
	case is(tree.ErrNotRegular, syscall.EISDIR, tree.NotFolder, syscall.ELOOP):
		return storage.OtherKind
	case is(fs.ErrExist):
		return storage.Conflict
	case is(fs.ErrPermission, syscall.EBUSY, syscall.ETXTBSY, syscall.EAGAIN):
		return storage.Permission
	case is(fs.ErrNotExist):
		return storage.Gone
	case is(errors.ErrUnsupported, syscall.EINVAL, syscall.ENOTTY, syscall.EMLINK, syscall.EXDEV, syscall.EOVERFLOW, syscall.ERANGE):
		return storage.Unsupported
	}
	return storage.IO
}

// naming reports whether err is of a call that makes a name or looks for one: then the
// name is invalid. Links and special files are left out: a file system that has none may
// say so in the same way. Renames are left out too: node.named knows what they make.
func naming(err error) bool {
	var step string
	if link := new(os.LinkError); errors.As(err, &link) {
		step = link.Op
	} else if path := new(fs.PathError); errors.As(err, &path) {
		step = path.Op
	}
	switch step {
	case "create", "mkdir", "open", "lstat":
		return true
	}
	return false
}
