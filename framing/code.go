package framing

import "fmt"

// Code is the cause of a failure. The values are part of the wire format and
// only ever appended to; a peer may use ones that this version does not know.
type Code uint8

// Causes that concern one item.
const (
	CodeNone        Code = 0  // no failure; only BYE may carry it
	CodeUnreadable  Code = 1  // the source cannot be read
	CodeChanged     Code = 2  // the source changed while it was read
	CodeConflict    Code = 3  // a different item stands under the name
	CodeUnsupported Code = 4  // the receiver or its file system cannot make it
	CodeName        Code = 5  // name refused
	CodeLink        Code = 6  // link refused
	CodeVanished    Code = 7  // gone from the source since it was listed
	CodeOtherKind   Code = 8  // exists as another kind of item
	CodeCancelled   Code = 9  // given up because the delivery ended
	CodeNewer       Code = 10 // what stands under the name is newer
)

// Causes that lie in the destination.
const (
	CodeNoSpace         Code = 16
	CodePermission      Code = 17
	CodeIO              Code = 18
	CodeLocked          Code = 19 // another delivery holds it
	CodeDestinationGone Code = 20
	CodeReadOnly        Code = 21
)

// Causes that concern the delivery or the link.
const (
	CodeDigest      Code = 32 // digest mismatch that sending again did not mend
	CodeDeclined    Code = 48
	CodeCodeRefused Code = 49 // the pairing code or key is not the right one
	CodeBusy        Code = 50 // too many handshakes; may be tried again
	CodeVersion     Code = 64 // no common version
	CodeProtocol    Code = 65
	CodeLost        Code = 80 // connection lost
	CodeTimeout     Code = 81
	CodeGaveUp      Code = 82
	CodeInterrupted Code = 83
	CodeInternal    Code = 96
)

// String returns a few words of English, fit for a sentence.
func (c Code) String() string {
	switch c {
	case CodeNone:
		return "no error"
	case CodeUnreadable:
		return "unreadable"
	case CodeChanged:
		return "changed while it was read"
	case CodeConflict:
		return "a different item exists"
	case CodeUnsupported:
		return "not supported"
	case CodeName:
		return "name refused"
	case CodeLink:
		return "link refused"
	case CodeVanished:
		return "not there"
	case CodeOtherKind:
		return "exists as another kind of item"
	case CodeCancelled:
		return "cancelled"
	case CodeNewer:
		return "newer at the destination"
	case CodeNoSpace:
		return "no space left"
	case CodePermission:
		return "permission denied"
	case CodeIO:
		return "input/output error"
	case CodeLocked:
		return "locked by another delivery"
	case CodeDestinationGone:
		return "the destination is gone"
	case CodeReadOnly:
		return "read-only"
	case CodeDigest:
		return "digest mismatch"
	case CodeDeclined:
		return "declined"
	case CodeCodeRefused:
		return "code refused"
	case CodeBusy:
		return "busy"
	case CodeVersion:
		return "no common protocol version"
	case CodeProtocol:
		return "protocol error"
	case CodeLost:
		return "connection lost"
	case CodeTimeout:
		return "timed out"
	case CodeGaveUp:
		return "gave up"
	case CodeInterrupted:
		return "interrupted"
	case CodeInternal:
		return "internal error"
	}
	return fmt.Sprintf("error code %d", uint8(c))
}
