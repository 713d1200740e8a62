package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Causes of an Error. What package net has no word for is in these.
var (
	ErrPassword    = errors.New("it wants another user and password")
	ErrForbidden   = errors.New("its rules forbid that connection")
	ErrRefused     = errors.New("nothing listens there")        // found by the proxy
	ErrUnreachable = errors.New("it finds no way there")        // of the proxy
	ErrNoAnswer    = errors.New("it gets no answer from there") // to the proxy

	errSpeech = errors.New("it is no proxy of that kind")
)

// Error is why there is no connection through a proxy.
type Error struct {
	Proxy string // HOST:PORT
	// Far says that the proxy is there and answered: the way behind it failed.
	Far bool
	Err error
}

func (e *Error) Error() string {
	if e.Far {
		return "the proxy " + e.Proxy + " made no connection: " + e.Err.Error()
	}
	return "the proxy " + e.Proxy + " cannot be used: " + bare(e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// bare is an error of package net without the address, which stands beside it already.
func bare(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// failure is err, which came while the proxy was asked, as an Error.
func (p *Proxy) failure(ctx context.Context, err error) error {
	far := errors.Is(err, ErrForbidden) || errors.Is(err, ErrRefused) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNoAnswer)
	var answered *statusError
	switch {
	case errors.As(err, &answered):
		far = true
	case ctx.Err() != nil:
		err = fmt.Errorf("it did not answer in time: %w", ctx.Err())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("it ended the connection: %w", io.ErrUnexpectedEOF)
	}
	return &Error{Proxy: p.Host(), Far: far, Err: err}
}

// statusError is an answer to CONNECT that has no word of its own here.
type statusError struct {
	status int
	reason string
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("it answered %d %s", e.status, e.reason))
}

// statusRefusal is what a status other than 2xx means.
func statusRefusal(status int, reason string) error {
	switch status {
	case 407:
		return ErrPassword
	case 403, 405:
		return ErrForbidden
	case 504:
		return ErrNoAnswer
	}
	return &statusError{status, reason}
}

// socksRefusal gives an error of the library its kind. The library has texts only; the
// tests hold each of them.
func socksRefusal(err error) error {
	if err == nil {
		return nil
	}
	text := bare(err)
	for _, r := range [...]struct {
		said  string
		means error
	}{
		{"no acceptable authentication methods", ErrPassword},
		{"username/password authentication failed", ErrPassword},
		{"connection not allowed by ruleset", ErrForbidden},
		{"connection refused", ErrRefused},
		{"network unreachable", ErrUnreachable},
		{"host unreachable", ErrUnreachable},
		{"general SOCKS server failure", ErrUnreachable},
		{"TTL expired", ErrNoAnswer},
		{"unexpected protocol version", errSpeech},
		{"unknown address type", errSpeech},
		{"non-zero reserved field", errSpeech},
		{"unsupported authentication method", errSpeech},
		{"invalid username/password version", errSpeech},
	} {
		if strings.Contains(text, r.said) && !strings.Contains(text, "read tcp") && !strings.Contains(text, "write tcp") {
			return r.means
		}
	}
	return err
}
