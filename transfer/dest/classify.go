package dest

import (
	"errors"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// classify is the one place where a system's error becomes a Kind. Absence
// means Gone: callers that may find nothing ask for fs.ErrNotExist before.
func classify(err error) Kind {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case is(ErrMismatch):
		return Mismatch
	case is(ErrLocked):
		return Locked
	case is(ErrChanged):
		return Conflict
	case is(ErrGone, tree.ErrReplaced, syscall.ESTALE):
		return Gone
	case is(syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG) || is(fullErrors...):
		return NoSpace
	case is(syscall.EROFS) || is(readOnlyErrors...):
		return ReadOnly
	case is(tree.ErrName, tree.ErrTooDeep, syscall.ENAMETOOLONG, syscall.EILSEQ, syscall.EINVAL):
		return Name
	case is(tree.ErrNotRegular, syscall.EISDIR, syscall.ENOTDIR, syscall.ELOOP):
		return OtherKind
	case is(fs.ErrExist):
		return Conflict
	case is(fs.ErrPermission):
		return Permission
	case is(fs.ErrNotExist):
		return Gone
	case is(errors.ErrUnsupported):
		return Unsupported
	}
	return IO
}
