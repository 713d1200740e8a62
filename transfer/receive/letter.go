package receive

import (
	"unicode/utf8"

	"ferry/framing"
	"ferry/transfer/internal/failure"
)

// letter is the Output of a text that is read here. It keeps the text until all of it has
// come and is right: what a person sees must not have to be taken back. The goroutine of the
// ordered delivery uses it.
type letter struct {
	peer string
	show func(peer, text string) error
	text []byte // at most framing.MaxText
}

// Write is io.Writer's.
func (m *letter) Write(b []byte) (int, error) {
	if len(m.text)+len(b) > framing.MaxText { // the consent ends such a delivery before
		return 0, failure.Violation("a text of more than %d bytes", framing.MaxText)
	}
	m.text = append(m.text, b...)
	return len(b), nil
}

// hand hands the text over.
func (m *letter) hand() error {
	if !utf8.Valid(m.text) {
		return failure.Violation("a text that is not UTF-8")
	}
	return outputError(m.show(m.peer, string(m.text)))
}
