package storage

import (
	"errors"
	"fmt"
)

// Kind is the cause of an Error, as far as a caller treats causes differently.
type Kind uint8

// The kinds. IO, NoSpace, ReadOnly and Gone concern the destination as a whole, all
// others one item.
const (
	IO          Kind = iota + 1 // the disk or the system failed; also what fits nowhere else
	NoSpace                     // bytes, inodes or quota
	Permission                  // not allowed to this user, or not now
	ReadOnly                    // the place takes no writes
	Locked                      // another delivery is writing this file
	Gone                        // the folder is no longer where it was
	Conflict                    // another item has the name, or has changed since it was compared
	OtherKind                   // an item of another kind has the name
	Name                        // the place cannot hold this name
	Mismatch                    // the place gave back other bytes than were written
	Unsupported                 // the place has no such items, or not here
	TooLarge                    // the limit on a file's size
	Consequence                 // no cause of its own: its folder takes nothing, which was told before
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
	case Consequence:
		return "consequence"
	}
	return "i/o error"
}

// Causes that the storage finds itself. They are wrapped in an Error.
var (
	ErrLocked   = errors.New("another delivery is writing this file")
	ErrGone     = errors.New("another folder, or none, stands there now")
	ErrChanged  = errors.New("it has changed since it was compared")
	ErrMismatch = errors.New("the disk gave back other bytes than were written")
)

// ErrSourceAway: where a Source is does not answer, or not to this user. All that comes from
// there would fail like it.
var ErrSourceAway = errors.New("the place that is read from does not answer")

// Errors of a deletion.
var (
	// ErrSourceChanged: by now a source folder may not have what it had.
	ErrSourceChanged = errors.New("the folder it was copied from has changed since, so nothing is deleted in it")
	// ErrMounted keeps a removal inside of one mount.
	ErrMounted = errors.New("something else is mounted there")
	// ErrTooMany is returned when more items would have to go than may.
	ErrTooMany = errors.New("too many items would be deleted")
	// ErrEmptySource is returned when something would have to go for a source folder
	// with nothing in it to deliver, unless that is allowed.
	ErrEmptySource = errors.New("nothing is deleted, since there is nothing to copy in")
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

// KindOf is the Kind of the Error in err; 0 if there is none.
func KindOf(err error) Kind {
	var e *Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Kind
}
