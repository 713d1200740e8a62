package transfer

import (
	"errors"
	"fmt"

	"ferry/framing"
)

// Error is a failure of one item (Path set) or of the whole delivery (Path
// empty). Code is the value that crosses the wire, so both sides and the exit
// code name the same cause; Remote tells which side noticed.
type Error struct {
	Op     string // the step, as in "reading" or "publishing"
	Path   string // raw bytes, to be escaped by whoever shows them
	Code   framing.Code
	Remote bool
	// Place is the destination, as this side's user named it, if the destination ended the
	// delivery. The other side is not told.
	Place string
	Err   error // may be nil: then Code says it all
}

func (e *Error) Error() string {
	s := e.Code.String()
	if e.Err != nil {
		s = e.Err.Error()
	}
	switch {
	case e.Path != "" && e.Place != "":
		s = fmt.Sprintf("%q in %q: %s", e.Path, e.Place, s)
	case e.Path != "" || e.Place != "":
		s = fmt.Sprintf("%q: %s", e.Path+e.Place, s)
	}
	switch {
	case e.Remote:
		s = "the other side: " + s
	case e.Op != "":
		s = e.Op + " " + s
	}
	return s
}

// Consequence reports that an item failed for no cause of its own: the folder that it
// is in could not be made, and is told as well.
func (e *Error) Consequence() bool { return e.Path != "" && e.Code == framing.CodeCancelled }

func (e *Error) Unwrap() error { return e.Err }

// ErrIncomplete is returned, wrapped, when the delivery ran to its end but some
// items were not delivered. Result.Failures names them.
var ErrIncomplete = errors.New("some items were not delivered")

// SkippedError is why an item failed at the sender that the receiver skipped at
// the word of its own user.
type SkippedError struct{ Cause framing.Code }

func (e SkippedError) Error() string { return fmt.Sprintf("skipped: %v", e.Cause) }

// NotDeletedError is ErrIncomplete of a delivery that brought everything and could not
// delete all that it was to.
type NotDeletedError struct {
	Items  int64
	DryRun bool
}

func (e *NotDeletedError) Error() string {
	what, verb := "items", "were not"
	if e.Items == 1 {
		what, verb = "item", "was not"
	}
	if e.DryRun {
		verb = "would not be"
	}
	return fmt.Sprintf("%d %s %s deleted", e.Items, what, verb)
}

func (e *NotDeletedError) Unwrap() error { return ErrIncomplete }

// NotRemovedError is ErrIncomplete of a delivery that brought everything, and could not
// remove from the source all that it was to.
type NotRemovedError struct {
	Items    int64
	Why      error // why nothing at all, or nothing more, was removed; nil if only some were not
	Stopped  bool  // nothing more was, since that was interrupted
	Compared bool  // files were compared by digest
	Final    bool  // the same command has to leave the same again
}

func (e *NotRemovedError) Error() string {
	switch {
	case e.Stopped:
		return "not all was removed at the source: " + e.Why.Error()
	case e.Why != nil:
		return "nothing was removed at the source: " + e.Why.Error()
	case e.Items == 1:
		return "1 item was delivered, and not removed at the source"
	}
	return fmt.Sprintf("%d items were delivered, and not removed at the source", e.Items)
}

func (e *NotRemovedError) Unwrap() error { return ErrIncomplete }
