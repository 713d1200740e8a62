package relayed

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
)

// Error is why a relay did not help. Code says what kind of reason that is:
//
//	CodeLost         it cannot be reached, or the connection to it was lost
//	CodePermission   it asks for a token, or for another one
//	CodeLocked       another session has the room
//	CodeVersion      the versions do not meet
//	CodeCodeRefused  too many wrong codes came from here
//	CodeTimeout      nobody is there, or who is there did not answer
//	CodeBusy         it has reached a limit
//	CodeGaveUp       it is about to end
//
// An Error after which a try makes no sense any more is link.ErrNoWay too.
type Error struct {
	URL   URL
	Code  framing.Code
	Err   error
	Pin   string // of the certificate, in hexadecimal digits, if that was not believed
	final bool
}

func (e *Error) Error() string { return fmt.Sprintf("relay %s: %v", e.URL.Host(), e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is tells whether the error is final.
func (e *Error) Is(target error) bool { return e.final && target == link.ErrNoWay }

var (
	errNobody    = errors.New("the relay says nobody is there")
	errNoAnswer  = errors.New("who is there does not answer the relay's call")
	errGoing     = errors.New("the relay is going away")
	errBusy      = errors.New("the relay has reached one of its limits")
	errTaken     = errors.New("the room is another session's: use another code")
	errNoToken   = errors.New("the relay asks for a token: give the one that its operator has made")
	errToken     = errors.New("the relay refused the token")
	errWrong     = errors.New("the relay has seen too many wrong codes from here")
	errOlder     = errors.New("the relay speaks another version of its protocol")
	errNotRelay  = errors.New("what answers there is no relay of ferry")
	errUnasked   = errors.New("the relay sent an answer to nothing that was asked")
	errKnownCall = errors.New("the call is no more")
)

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// refusal is an answer NO.
type refusal struct {
	code  framing.Code
	again time.Duration // after which another try makes sense
	err   error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refused is the error for a NO. token tells whether one was sent.
func refused(m framing.RelayNo, token bool) *refusal {
	r := &refusal{code: m.Code, again: time.Duration(m.Again) * time.Second}
	switch m.Code {
	case framing.CodePermission:
		if r.err = errNoToken; token {
			r.err = errToken
		}
	case framing.CodeLocked:
		r.err = errTaken
	case framing.CodeTimeout:
		r.err = errNoAnswer
	case framing.CodeVanished:
		r.err = errKnownCall
	case framing.CodeCodeRefused:
		r.err = errWrong
	case framing.CodeGaveUp:
		r.err = errGoing
	case framing.CodeVersion:
		r.err = errOlder
	case framing.CodeBusy:
		r.err = errBusy
	default:
		r.err = fmt.Errorf("the relay refused with code %d", m.Code)
	}
	return r
}

// explain makes an Error of err, which is not nil. final says that there is no sense in
// another try even where only the connection failed.
func explain(u URL, err error, final bool) *Error {
	e := &Error{URL: u, Code: framing.CodeLost, Err: err, final: final}
	var no *refusal
	var wire *framing.Error
	var op *net.OpError
	var strange *strangeError
	if errors.As(err, &strange) {
		e.Pin = hex.EncodeToString(strange.pin[:])
	}
	switch {
	case errors.As(err, &no):
		e.Code = no.code
		e.final = no.code == framing.CodePermission || no.code == framing.CodeCodeRefused || no.code == framing.CodeVersion || no.code == framing.CodeProtocol
	case errors.Is(err, errNobody):
		e.Code, e.final = framing.CodeTimeout, false
	case errors.As(err, &wire) && wire.Code == framing.CodeVersion:
		e.Code, e.Err, e.final = framing.CodeVersion, errOlder, true
	case errors.As(err, &wire):
		e.Code, e.Err, e.final = framing.CodeProtocol, errNotRelay, true
	case errors.As(err, &op) && op.Op == "dial" && op == err: // and not what a proxy says
		e.Err = op.Err // the address stands before it
	}
	return e
}
