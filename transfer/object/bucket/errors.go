package bucket

import (
	"fmt"
	"io/fs"
)

// Kind says what a failure means for a caller.
type Kind uint8

// The kinds of failure.
const (
	Other         Kind = iota
	NotFound           // no such key or upload; errors.Is fs.ErrNotExist
	Precondition       // the object is not as the Condition, or the ETag of a Get, says
	Denied             // these credentials may not do this; errors.Is fs.ErrPermission
	NoCredentials      // nothing to sign requests with was found
	NoBucket           // no such bucket
	WrongRegion        // the bucket is in another region
	ClockSkew          // this clock and the store's differ by too much
	Throttled          // the store asked to slow down, for longer than Options.Patience
	Away               // nothing answers, or the store fails, for longer than Options.Patience
	Mismatch           // the store tells another checksum, ETag or size than was sent
	NoSpace            // the store is full, or a quota of it
)

var kindNames = [...]string{"failed", "not found", "precondition failed", "denied", "no credentials", "no bucket",
	"wrong region", "clock skew", "throttled", "unreachable", "mismatch", "no space"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is a failure at the store. Its text names the step, the key and what to do. What a
// store wrote is in it in one line and escaped; no secret and no XML is.
type Error struct {
	Kind Kind
	Op   string // "open", "head", "get", "put", "delete", "list", "begin", "put part", "parts", "complete", "abort", "uploads"
	Key  string // relative to the prefix; may be empty
	Err  error  // never nil
}

func (e *Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s %q: %v", e.Op, clip(e.Key), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes NotFound an fs.ErrNotExist and Denied an fs.ErrPermission.
func (e *Error) Is(target error) bool {
	return target == fs.ErrNotExist && e.Kind == NotFound || target == fs.ErrPermission && e.Kind == Denied
}

// said is a text for a person in front of a cause that is for errors.Is only: the text of the
// cause may have addresses, query strings or markup in it.
type said struct {
	text  string
	cause error
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.cause }

func say(cause error, format string, args ...any) error {
	return &said{text: fmt.Sprintf(format, args...), cause: cause}
}
