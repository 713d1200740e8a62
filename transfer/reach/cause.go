package reach

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/proxy"
)

// Cause is why there is no link to an address, as far as it can be told from here.
type Cause uint8

// The causes, the least informative first. Of two that an address has shown, the later
// one here counts: a timeout at the end takes nothing from what was learnt before.
const (
	NoAnswer     Cause = iota // nothing yet, or nothing at all: a firewall, or no such machine
	OtherCause                // an error that has no word here
	Unreachable               // there is no way there from this machine, or from a router on it
	NoName                    // the name could not be resolved
	NoProxy                   // the proxy cannot be used, or forbids it
	Refused                   // the machine is there, and nothing listens on the port
	Silent                    // something took the connection and said nothing
	HungUp                    // something took the connection and ended it
	NotFerry                  // another program listens there
	Busy                      // a ferry is there, and has no time for this one
	OtherVersion              // a ferry that does not speak this version
	SameRole                  // a ferry that wants to send, or to receive, as this one does
	CodeRefused               // a ferry that has another code
)

// CauseOf is the cause that an error stands for, NoAnswer for nil. Of an Error it is the
// most informative one.
func CauseOf(err error) Cause {
	var several *Error
	if errors.As(err, &several) {
		most := NoAnswer
		for _, t := range several.Tries {
			most = max(most, t.Cause)
		}
		return most
	}
	var broken *link.Error
	var answered *link.AnsweredError
	var name *net.DNSError
	code := framing.CodeNone
	if errors.As(err, &broken) {
		code = broken.Code
	}
	var proxied *proxy.Error
	switch {
	case err == nil:
		return NoAnswer
	case code == framing.CodeCodeRefused:
		return CodeRefused
	case errors.Is(err, link.ErrSameRole):
		return SameRole
	case code == framing.CodeVersion:
		return OtherVersion
	case code == framing.CodeBusy:
		return Busy
	case errors.Is(err, link.ErrNotFerry):
		return NotFerry
	case errors.As(err, &answered):
		return answeredCause(answered.Err)
	case errors.As(err, &proxied):
		return proxyCause(proxied)
	case errors.As(err, &name):
		return NoName
	case isOneOf(err, refusedNumbers):
		return Refused
	case isOneOf(err, unreachableNumbers), NoHost(err):
		return Unreachable
	case timedOut(err), errors.Is(err, context.Canceled):
		return NoAnswer
	}
	return OtherCause
}

// answeredCause is for a connection that was made, and failed before the proof.
func answeredCause(err error) Cause {
	switch {
	case timedOut(err):
		return Silent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isOneOf(err, hungUpNumbers):
		return HungUp
	}
	return OtherCause
}

func timedOut(err error) bool {
	var late net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || isOneOf(err, timeoutNumbers) ||
		errors.As(err, &late) && late.Timeout()
}

// NoHost reports whether an Unreachable error says that the network is there and the
// machine is not.
func NoHost(err error) bool { return isOneOf(err, noHostNumbers) }

// PortTaken reports whether an address cannot be listened on since somebody does.
func PortTaken(err error) bool { return isOneOf(err, takenNumbers) }

// PortForbidden reports whether this user may not listen on an address.
func PortForbidden(err error) bool { return isOneOf(err, forbiddenNumbers) }

// NotOwn reports whether an address cannot be listened on since it is not this machine's.
func NotOwn(err error) bool { return isOneOf(err, strangeNumbers) }

func isOneOf(err error, numbers []syscall.Errno) bool {
	var got syscall.Errno
	if !errors.As(err, &got) {
		return false
	}
	for _, n := range numbers {
		if got == n {
			return true
		}
	}
	return false
}
