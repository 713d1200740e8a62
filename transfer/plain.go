package transfer

import (
	"io/fs"
	"os"
	"strings"

	"ferry/transfer/dest"
)

// plain is err as it is said of an item: without the system call, and without names
// that are not the user's, such as those of unfinished files. The step and the item
// are said once, by Error. What it wraps stays to be found by errors.Is and errors.As.
func plain(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *fs.PathError:
		return plain(e.Err)
	case *os.LinkError:
		return plain(e.Err)
	case *os.SyscallError:
		return plain(e.Err)
	case *dest.Error:
		return plain(e.Err)
	}
	text := err.Error()
	var inner []error
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		inner = append(inner, e.Unwrap())
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	}
	for _, e := range inner {
		if e != nil {
			text = strings.Replace(text, e.Error(), plain(e).Error(), 1)
		}
	}
	if text = oneLine(text); text == err.Error() {
		return err
	}
	return &plainError{text, err}
}

// oneLine puts joined errors, which come one a line, into one, each once.
func oneLine(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	var said []string
	seen := make(map[string]bool)
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !seen[line] {
			seen[line] = true
			said = append(said, line)
		}
	}
	return strings.Join(said, "; ")
}

type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }
