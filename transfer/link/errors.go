package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"ferry/framing"
	"ferry/transfer/link/admission"
)

// Error is a failure of a link or of making one. A caller may branch on Code: it is
// CodeCodeRefused, CodeVersion, CodeProtocol, CodeBusy, CodeTimeout, CodeInterrupted for
// the caller's own doing, or CodeLost for everything else that ends a connection. No
// connection at all is CodeLost with Op "dial".
type Error struct {
	Code   framing.Code
	Remote bool   // the other side said so
	Op     string // the step: "listen", "dial", "accept", "read", "write", "join", "close"
	Err    error  // may be nil: then Code says it all
}

func (e *Error) Error() string {
	s := e.Code.String()
	if e.Err != nil {
		s = e.Err.Error()
	}
	switch {
	case e.Remote:
		s = "the other side: " + s
	case e.Op != "":
		s = e.Op + ": " + s
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ErrSameRole says that one side has to send and the other to receive.
var ErrSameRole = errors.New("both sides want to send, or both to receive")

// ErrNoWay is for Config.Connect: there is no address left that may be dialled.
var ErrNoWay = errors.New("nothing is left to dial")

// ErrNotFerry says that what answers is another program.
var ErrNotFerry = errors.New("another program listens there")

// AnsweredError says that something at Addr took a connection, and why it did not prove
// itself.
type AnsweredError struct {
	Addr net.Addr
	Err  error
}

func (e *AnsweredError) Error() string { return bare(e.Err).Error() }
func (e *AnsweredError) Unwrap() error { return e.Err }

// ErrHostKey says that Keys.Known refused the key of a host that proved it. Nothing of a key
// of this side was shown.
var ErrHostKey = errors.New("the key of the host is refused")

// ErrKeysRefused says that a host that proved itself took none of Keys.Own.
var ErrKeysRefused = errors.New("the host accepts no key of this side")

// errKeyProof says that a peer showed a key and did not prove it. A listener tells so by
// EventBroken.
var errKeyProof = errors.New("the key is not proved")

// ErrKeyRefused says that a peer proved a key that Keys.Admit refused, whose error comes with
// it. A listener tells so by EventBroken.
var ErrKeyRefused = errors.New("a key that was proved is refused")

// ErrBurnt says that a code was guessed at too often, and is worth nothing now.
var ErrBurnt = admission.ErrBurnt

// Failures of the ladder before proof that have no text of the peer's in them.
var (
	errMAC        = errors.New("wrong confirmation: the codes differ, or somebody is in between")
	errReflected  = errors.New("own message came back")
	errMismatch   = errors.New("answer does not fit the question")
	errUnknown    = errors.New("unknown session")
	errBroken     = fmt.Errorf("%d exchanges broke off after this side had confirmed: somebody may be guessing", maxBroken)
	errNotFerry   = fmt.Errorf("%w, which speaks TLS", ErrNotFerry)
	errHostProof  = errors.New("the host did not prove its key: somebody may be in between")
	errNoKeys     = errors.New("no keys are taken: it wants a code, or ferry has to be updated there")
	errKeySize    = errors.New("a key or a signature that is too long to be shown")
	errRefusedIt  = errors.New("the side that refused the code answers there too")
	errSilence    = errors.New("nothing heard from the other side")
	errUnexpected = errors.New("not allowed at this point")
)

// wrap makes err an *Error, unless it is one already.
func wrap(op string, err error) *Error {
	if le, ok := err.(*Error); ok {
		return le
	}
	return &Error{Code: codeOf(err), Op: op, Err: err}
}

// bare is err without the steps that errors of this side name: in the text of another error
// only that one names a step.
func bare(err error) error {
	for {
		le, ok := err.(*Error)
		if !ok || le.Remote || le.Err == nil {
			return err
		}
		err = le.Err
	}
}

// codeOf finds the code of err: its own, or else what kind of failure it is.
func codeOf(err error) framing.Code {
	var le *Error
	var fe *framing.Error
	var ne net.Error
	switch {
	case errors.As(err, &le):
		return le.Code
	case errors.As(err, &fe):
		return fe.Code
	case errors.Is(err, context.Canceled):
		return framing.CodeInterrupted
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return framing.CodeTimeout
	case errors.As(err, &ne) && ne.Timeout():
		return framing.CodeTimeout
	}
	return framing.CodeLost
}

// protocolError is a rule that the peer broke beyond those of framing.
func protocolError(op string, err error) *Error {
	return &Error{Code: framing.CodeProtocol, Op: op, Err: err}
}
