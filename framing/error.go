package framing

import (
	"errors"
	"fmt"
)

// Error says that a frame or message broke the rules of PROTOCOL.md. Code is
// what to tell the peer: CodeProtocol, CodeVersion when no version is common to
// both, CodeInternal when the caller of this package is at fault.
type Error struct {
	Type Type // the frame's type as received, perhaps an unknown one
	Code Code
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%v frame: %v", e.Type, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// The ways in which a message can be wrong; a position and a field come with
// them. None is io.ErrUnexpectedEOF: that is kept for a broken connection.
var (
	errShort      = errors.New("ends too early")
	errTrailing   = errors.New("bytes after the end")
	errEmpty      = errors.New("no record")
	errRange      = errors.New("out of range")
	errNotMinimal = errors.New("number not in its shortest form")
	errUnknown    = errors.New("unknown value")
	errNotZero    = errors.New("reserved bits set")
	errNotNow     = errors.New("not allowed now")
	errMismatch   = errors.New("contradicts another field")
)
