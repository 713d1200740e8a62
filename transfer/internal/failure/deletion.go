package failure

import (
	"errors"
	"fmt"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/storage"
)

// Why nothing is deleted, in a REMARK of kind refused.
const (
	refusedElse = iota
	refusedTooMany
	refusedEmpty
)

// Undeleted is what the caller is told of an error that ended a deletion; nil stays nil.
// place is the destination.
func Undeleted(place string, err error) error {
	switch {
	case err == nil, errors.Is(err, storage.ErrEmptySource):
		return err
	case errors.Is(err, storage.ErrTooMany):
		return fmt.Errorf("%w, so none is", err)
	}
	return DestinationEnds("deleting", place, err)
}

// Refusal tells the other side of what Undeleted made.
func Refusal(err error) framing.Remark {
	m := framing.Remark{Kind: framing.RemarkRefused, Number: refusedElse, Text: []byte(err.Error())}
	var own *transfer.Error
	switch {
	case errors.Is(err, storage.ErrTooMany):
		m.Number = refusedTooMany
	case errors.Is(err, storage.ErrEmptySource):
		m.Number = refusedEmpty
	case errors.As(err, &own):
		m.Code, m.Text = own.Code, []byte(Message(own))
	}
	return m
}

// Refused is what the other side is told by that.
func Refused(m *framing.Remark) error {
	said := refusal{text: string(m.Text)}
	switch m.Number {
	case refusedTooMany:
		said.is = storage.ErrTooMany
	case refusedEmpty:
		said.is = storage.ErrEmptySource
	default:
		return Remote("deleting", m.Code, said.text)
	}
	return &said
}

// refusal is an error in the words of the other side.
type refusal struct {
	text string
	is   error
}

func (e *refusal) Error() string { return e.text }
func (e *refusal) Unwrap() error { return e.is }

// ErrLeft is told of a folder that the source has not.
var ErrLeft = errors.New("not deleted, since something in it is to stay")

// Aside is told of what made way for an item of another kind, and was not deleted. Stood is
// where it stood.
func Aside(stood string) error { return fmt.Errorf("was %s: %w", stood, ErrAside) }

// Deleting classifies what keeps an item from being deleted.
func Deleting(path string, err error) *transfer.Error {
	failed := Destination("deleting", path, err)
	switch {
	case errors.Is(err, storage.ErrSourceChanged):
		failed.Code = framing.CodeChanged
	case errors.Is(err, storage.ErrMounted):
		failed.Code = framing.CodeUnsupported
	}
	return failed
}
