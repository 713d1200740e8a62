package failure

import (
	"io/fs"
	"os"
	"strings"

	"ferry/transfer/storage"
)

// Plain is err as it is said of an item: without the system call, and without names
// that are not the user's, such as those of unfinished files. The step and the item
// are said once, by Error. What it wraps stays to be found by errors.Is and errors.As.
func Plain(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *fs.PathError:
		return Plain(e.Err)
	case *os.LinkError:
		return Plain(e.Err)
	case *os.SyscallError:
		return Plain(e.Err)
	case *storage.Error:
		return Plain(e.Err)
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
			text = strings.Replace(text, e.Error(), Plain(e).Error(), 1)
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
