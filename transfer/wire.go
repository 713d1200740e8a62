package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"time"

	"ferry/framing"
	"ferry/transfer/dest"
	"ferry/transfer/link"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// retrySeconds is how long this side waits for a lost link, as the other is
// told; both take the smaller time.
func retrySeconds(wait time.Duration) uint32 {
	seconds := (wait + time.Second - 1) / time.Second
	return uint32(min(seconds, math.MaxUint32))
}

// wireEntry is the entry of it as it crosses the wire, with what m allows.
func wireEntry(it *tree.Item, m tree.Metadata) *framing.Entry {
	e := &it.Entry
	w := &framing.Entry{
		ID: e.ID, Parent: e.Parent, Kind: framing.EntryKind(e.Kind), Name: []byte(e.Name),
		Mode: e.Mode, Sec: e.MTime.Sec, Nsec: e.MTime.Nsec, Target: []byte(e.Target),
		Linked: e.Linked, LinkTo: e.LinkTo, Major: e.Major, Minor: e.Minor,
		Holes: holes(it), Ext: wireExtra(e.Extra, m),
	}
	if !m.Owner {
		w.Mode &= 0o777
	}
	if e.Kind == tree.File {
		w.Size = uint64(e.Size)
	}
	return w
}

// treeEntry takes an entry off the wire, with all that it has. It keeps nothing
// of the frame.
func treeEntry(w *framing.Entry) *tree.Entry {
	e := &tree.Entry{
		ID: w.ID, Parent: w.Parent, Kind: tree.Kind(w.Kind), Name: string(w.Name),
		Mode: w.Mode, MTime: tree.Time{Sec: w.Sec, Nsec: w.Nsec}, Target: string(w.Target),
		Linked: w.Linked, LinkTo: w.LinkTo, Major: w.Major, Minor: w.Minor, Extra: treeExtra(w.Ext),
	}
	switch e.Kind {
	case tree.File:
		e.Size = int64(w.Size)
	case tree.Stream:
		e.Size = -1
	}
	return e
}

// placeOf is where an item stands that was offered for at, and got another name
// there unless renamed is empty.
func placeOf(at, renamed string) string {
	if renamed == "" {
		return at
	}
	return path.Join(path.Dir(at), renamed)
}

// violation is a peer that broke the rules of framing/PROTOCOL.md.
func violation(format string, args ...any) *Error {
	return &Error{Op: "following the protocol:", Code: framing.CodeProtocol, Err: fmt.Errorf(format, args...)}
}

// malformed is a frame that does not parse.
func malformed(err error) *Error {
	code := framing.CodeProtocol
	var fe *framing.Error
	if errors.As(err, &fe) {
		code = fe.Code
	}
	return &Error{Op: "reading a message:", Code: code, Err: err}
}

// remoteError is a failure that the other side reported.
func remoteError(op string, code framing.Code, text string) *Error {
	e := &Error{Op: op, Code: code, Remote: true}
	if text != "" {
		e.Err = errors.New(text)
	}
	return e
}

// farewellError explains a BYE that came before the delivery was complete.
func farewellError(b framing.Bye) *Error {
	if b.Code == framing.CodeNone {
		return remoteError("delivering", framing.CodeLost, "it left before the delivery was complete")
	}
	return remoteError("delivering", b.Code, b.Message)
}

// linkError wraps what the link returned; nil stays nil.
func linkError(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Op: op, Code: framing.CodeLost, Err: err}
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

// sourceError classifies a failure to read what is to be sent.
func sourceError(op, path string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	code := framing.CodeUnreadable
	switch {
	case errors.Is(err, fs.ErrNotExist):
		code = framing.CodeVanished
	case errors.Is(err, tree.ErrName):
		code = framing.CodeName
	case errors.Is(err, tree.ErrReplaced), errors.Is(err, errNotAsOffered):
		code = framing.CodeChanged
	case errors.Is(err, tree.ErrNotRegular):
		code = framing.CodeUnsupported
	}
	return &Error{Op: op, Path: path, Code: code, Err: plain(err)}
}

// destinationError classifies a failure of the destination at one item. The step that
// package dest names is the one that failed.
func destinationError(op, path string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Op: op, Path: path, Code: framing.CodeIO, Err: plain(err)}
	var de *dest.Error
	if errors.As(err, &de) {
		e.Op = de.Op
		if e.Path == "" {
			e.Path = de.Path
		}
		switch de.Kind {
		case dest.NoSpace:
			e.Code = framing.CodeNoSpace
		case dest.Permission:
			e.Code = framing.CodePermission
		case dest.Locked:
			e.Code = framing.CodeLocked
		case dest.Gone:
			e.Code = framing.CodeDestinationGone
		case dest.ReadOnly:
			e.Code = framing.CodeReadOnly
		case dest.Conflict:
			e.Code = framing.CodeConflict
		case dest.OtherKind:
			e.Code = framing.CodeOtherKind
		case dest.Name:
			e.Code = framing.CodeName
		case dest.Mismatch:
			e.Code = framing.CodeDigest
		case dest.Unsupported, dest.TooLarge:
			e.Code = framing.CodeUnsupported
		}
		if errors.Is(err, dest.ErrToldBefore) {
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

// destinationEnds is destinationError of what ends the delivery. Its code is one of
// those that lie in the destination, whatever the system called it: neither side is to
// take it for a link that was lost, or for a rule that was broken.
func destinationEnds(op, place string, err error) *Error {
	e := *destinationError(op, "", err)
	if !ofDestination(e.Code) && !e.Remote {
		e.Code = framing.CodeIO
	}
	if e.Place == "" {
		e.Place = place
	}
	return &e
}

// ofDestination tells whether a cause lies in the destination.
func ofDestination(c framing.Code) bool {
	switch c {
	case framing.CodeNoSpace, framing.CodePermission, framing.CodeIO, framing.CodeLocked, framing.CodeDestinationGone,
		framing.CodeReadOnly, framing.CodeDigest:
		return true
	}
	return false
}

// stopsDelivery tells whether a failure at one item means that the rest would
// fail too.
func stopsDelivery(e *Error) bool {
	switch e.Code {
	case framing.CodeNoSpace, framing.CodeIO, framing.CodeDestinationGone, framing.CodeReadOnly:
		return true
	}
	return false
}

// message is the text of an error for the other side, without a path: that
// side knows the item under its own.
func message(e *Error) string {
	if space := new(SpaceError); errors.As(e.Err, &space) {
		return SpaceError{Need: space.Need, Free: space.Free}.Error()
	}
	if e.Err == nil {
		return e.Code.String()
	}
	return plain(e.Err).Error()
}

// lastWords is message for what ended the delivery: the item at which the destination
// failed is one that both sides know.
func lastWords(e *Error) string {
	if e.Path == "" || !ofDestination(e.Code) {
		return message(e)
	}
	return fmt.Sprintf("%s %q: %s", e.Op, e.Path, message(e))
}

// goodbye is how long an interrupted side tries to say so. The command line
// promises to be gone within 2 s.
const goodbye = time.Second

// leave says goodbye with the cause if the link still takes it, and closes it
// so that every blocked read and write returns. The other side is read from
// until it closes too, for a moment: an abrupt end could destroy the goodbye
// before it is read.
func leave(l *link.Link, cause error) {
	bye := framing.Bye{Code: framing.CodeInterrupted}
	var own *Error
	switch {
	case errors.As(cause, &own):
		if own.Remote || own.Code == framing.CodeLost || own.Code == framing.CodeTimeout {
			l.Abort(cause)
			return
		}
		bye.Code, bye.Message = own.Code, lastWords(own)
	case cause != nil && !errors.Is(cause, context.Canceled):
		bye.Code = framing.CodeInternal
	}
	limit := time.AfterFunc(goodbye, func() { l.Abort(cause) })
	defer limit.Stop()
	// A goodbye that does not arrive shows as a lost link at the other side.
	_ = l.Stream(0).Send(true, framing.TypeBye, bye.Append(nil))
	_ = l.Close()
}

// patient keeps a failed write from ending the delivery before the reader of
// the same link had its chance to find the reason: a goodbye that came before.
func patient(ctx context.Context, l *link.Link, run func() error) func() error {
	return func() error {
		err := run()
		var own *Error
		if errors.As(err, &own) && own.Code == framing.CodeLost && !own.Remote {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-l.Done():
			}
		}
		return err
	}
}

// placeOfDestination is d as the user named it, if it is known.
func placeOfDestination(d storage.Destination) string {
	if p, ok := d.(storage.Placed); ok {
		return p.Place()
	}
	return ""
}
