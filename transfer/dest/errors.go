package dest

import (
	"errors"
	"fmt"
)

// Kind is the cause of an Error, as far as a caller treats causes differently.
type Kind uint8

// The kinds.
const (
	IO          Kind = iota + 1 // the disk or the system failed; also what fits nowhere else
	NoSpace                     // bytes, inodes or quota
	Permission                  // not allowed to this user, or not now
	ReadOnly                    // the file system takes no writes
	Locked                      // another delivery is writing this file
	Gone                        // the folder is no longer where it was
	Conflict                    // another item has the name, or has changed since it was compared
	OtherKind                   // an item of another kind has the name
	Name                        // the file system cannot hold this name
	Mismatch                    // the disk gave back other bytes than were written
	Unsupported                 // the system or the file system has no such items, or not here
	TooLarge                    // the limit on a file's size
)

func (k Kind) String() string {
	switch k {
	case NoSpace:
		return "no space"
	case Permission:
		return "no permission"
	case ReadOnly:
		return "read-only"
	case Locked:
		return "locked"
	case Gone:
		return "gone"
	case Conflict:
		return "conflict"
	case OtherKind:
		return "other kind"
	case Name:
		return "name refused"
	case Mismatch:
		return "mismatch"
	case Unsupported:
		return "unsupported"
	case TooLarge:
		return "too large"
	}
	return "i/o error"
}

// Causes found here and not by the system. They are wrapped in an Error.
var (
	ErrLocked   = errors.New("another delivery is writing this file")
	ErrGone     = errors.New("another folder, or none, stands there now")
	ErrChanged  = errors.New("it has changed since it was compared")
	ErrMismatch = errors.New("the disk gave back other bytes than were written")
)

// Error is a failure at one item, or at the destination itself if Path is
// empty. Path is relative to the destination, slashes, raw bytes.
type Error struct {
	Kind Kind
	Op   string // the step, as in "publishing"
	Path string
	Err  error
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s the destination: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s %q: %v", e.Op, e.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// fail wraps err, unless it is an Error already, and nil stays nil.
func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Kind: classify(err), Op: op, Path: path, Err: err}
}

// stops reports that no other item can fare better after err.
func stops(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return err != nil
	}
	switch e.Kind {
	case IO, NoSpace, ReadOnly:
		return true
	}
	return false
}
