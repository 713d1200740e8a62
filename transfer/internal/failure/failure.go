package failure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// ErrAside is told of what stood in the way of an item of another kind, when the
// delivery did not come to the point of deleting it.
var ErrAside = errors.New("it stood in the way of a delivered item; the next copy --delete that delivers everything removes it")

// ErrNotAsOffered: the source is not, or no more, what the offer says.
var ErrNotAsOffered = errors.New("run the same command again to send it")

// ErrTarget is why a hard link fails whose target did.
var ErrTarget = errors.New("the item that it is a further name of is not delivered")

// Violation is a peer that broke the rules of framing/PROTOCOL.md.
func Violation(format string, args ...any) *transfer.Error {
	return &transfer.Error{Op: "following the protocol:", Code: framing.CodeProtocol, Err: fmt.Errorf(format, args...)}
}

// Malformed is a frame that does not parse.
func Malformed(err error) *transfer.Error {
	code := framing.CodeProtocol
	var fe *framing.Error
	if errors.As(err, &fe) {
		code = fe.Code
	}
	return &transfer.Error{Op: "reading a message:", Code: code, Err: err}
}

// Remote is a failure that the other side reported.
func Remote(op string, code framing.Code, text string) *transfer.Error {
	e := &transfer.Error{Op: op, Code: code, Remote: true}
	if text != "" {
		e.Err = errors.New(text)
	}
	return e
}

// Farewell explains a BYE that came before the delivery was complete.
func Farewell(b framing.Bye) *transfer.Error {
	if b.Code == framing.CodeNone {
		return Remote("delivering", framing.CodeLost, "it left before the delivery was complete")
	}
	return Remote("delivering", b.Code, b.Message)
}

// Link wraps what the link returned; nil stays nil.
func Link(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *transfer.Error
	if errors.As(err, &own) {
		return own
	}
	e := &transfer.Error{Op: op, Code: framing.CodeLost, Err: err}
	var le *link.Error
	var fe *framing.Error
	switch {
	case errors.As(err, &le):
		e.Code, e.Remote = le.Code, le.Remote
	case errors.As(err, &fe):
		e.Code = fe.Code
	case errors.Is(err, io.EOF):
		e.Err = errors.New("the connection was closed")
	}
	return e
}

// Source classifies a failure to read what is to be sent.
func Source(op, path string, err error) *transfer.Error {
	var own *transfer.Error
	if errors.As(err, &own) {
		return own
	}
	code := framing.CodeUnreadable
	switch {
	case errors.Is(err, fs.ErrNotExist):
		code = framing.CodeVanished
	case errors.Is(err, tree.ErrName):
		code = framing.CodeName
	case errors.Is(err, tree.ErrReplaced), errors.Is(err, ErrNotAsOffered):
		code = framing.CodeChanged
	case errors.Is(err, tree.ErrNotRegular):
		code = framing.CodeUnsupported
	}
	return &transfer.Error{Op: op, Path: path, Code: code, Err: Plain(err)}
}

// Destination classifies a failure of the destination at one item. The step that
// package storage names is the one that failed.
func Destination(op, path string, err error) *transfer.Error {
	var own *transfer.Error
	if errors.As(err, &own) {
		return own
	}
	e := &transfer.Error{Op: op, Path: path, Code: framing.CodeIO, Err: Plain(err)}
	var de *storage.Error
	if errors.As(err, &de) {
		e.Op = de.Op
		if e.Path == "" {
			e.Path = de.Path
		}
		switch de.Kind {
		case storage.NoSpace:
			e.Code = framing.CodeNoSpace
		case storage.Permission:
			e.Code = framing.CodePermission
		case storage.Locked:
			e.Code = framing.CodeLocked
		case storage.Gone:
			e.Code = framing.CodeDestinationGone
		case storage.ReadOnly:
			e.Code = framing.CodeReadOnly
		case storage.Conflict:
			e.Code = framing.CodeConflict
		case storage.OtherKind:
			e.Code = framing.CodeOtherKind
		case storage.Name:
			e.Code = framing.CodeName
		case storage.Mismatch:
			e.Code = framing.CodeDigest
		case storage.Unsupported, storage.TooLarge:
			e.Code = framing.CodeUnsupported
		case storage.Consequence:
			e.Code = framing.CodeCancelled
		}
		return e
	}
	switch {
	case errors.Is(err, tree.ErrName):
		e.Code = framing.CodeName
	case errors.Is(err, fs.ErrPermission):
		e.Code = framing.CodePermission
	}
	return e
}

// DestinationEnds is Destination for a failure that ends the delivery. Whatever the system
// called it, its code is one of OfDestination: neither side may take it for a lost link, or
// for a broken rule.
func DestinationEnds(op, place string, err error) *transfer.Error {
	e := *Destination(op, "", err)
	if !OfDestination(e.Code) && !e.Remote {
		e.Code = framing.CodeIO
	}
	if e.Place == "" {
		e.Place = place
	}
	return &e
}

// OfDestination tells whether a cause lies in the destination.
func OfDestination(c framing.Code) bool {
	switch c {
	case framing.CodeNoSpace, framing.CodePermission, framing.CodeIO, framing.CodeLocked, framing.CodeDestinationGone,
		framing.CodeReadOnly, framing.CodeDigest:
		return true
	}
	return false
}

// StopsDelivery tells whether a failure at one item means that the rest would
// fail too.
func StopsDelivery(e *transfer.Error) bool {
	switch e.Code {
	case framing.CodeNoSpace, framing.CodeIO, framing.CodeDestinationGone, framing.CodeReadOnly:
		return true
	}
	return false
}

// Message is the text of an error for the other side, without a path: that
// side knows the item under its own.
func Message(e *transfer.Error) string {
	if space := new(transfer.SpaceError); errors.As(e.Err, &space) {
		return transfer.SpaceError{Need: space.Need, Free: space.Free}.Error()
	}
	if e.Err == nil {
		return e.Code.String()
	}
	return Plain(e.Err).Error()
}

// lastWords is Message for what ended the delivery. It names the item at which the
// destination failed, since both sides know that.
func lastWords(e *transfer.Error) string {
	if e.Path == "" || !OfDestination(e.Code) {
		return Message(e)
	}
	return fmt.Sprintf("%s %q: %s", e.Op, e.Path, Message(e))
}

// Unsynced is why what was delivered to place is verified and not durable, though it was
// to be; nil stays nil.
func Unsynced(place string, err error) error {
	if err == nil {
		return nil
	}
	return &unsynced{place, err}
}

// unsynced: the file system of the destination cannot sync.
type unsynced struct {
	place string
	err   error
}

func (e *unsynced) Error() string {
	return fmt.Sprintf("the file system of %q cannot sync: %v", e.place, Plain(e.err))
}

func (e *unsynced) Unwrap() error { return e.err }

// LossCode classifies why metadata cannot be had.
func LossCode(err error) framing.Code {
	var number syscall.Errno
	switch {
	case errors.Is(err, tree.ErrDeclined):
		return framing.CodeDeclined
	case errors.Is(err, fs.ErrPermission):
		return framing.CodePermission
	case errors.Is(err, tree.ErrName):
		return framing.CodeName
	case tree.Refused(err) || !errors.As(err, &number):
		return framing.CodeUnsupported
	case errors.Is(tree.Known(err), syscall.ENOSPC):
		return framing.CodeNoSpace
	}
	return framing.CodeIO
}
