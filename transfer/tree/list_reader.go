package tree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// maxListRecord bounds one entry of a list, in bytes with its separator: MaxPath, and
// room for what cleaning removes.
const maxListRecord = 2 * MaxPath

// byteOrderMark stands at the start of some UTF-8 text.
const byteOrderMark = "\xef\xbb\xbf"

// listReader reads the paths of --files-from, one at a time.
type listReader struct {
	in     *bufio.Reader
	name   string
	end    byte
	number int // of the entry read last, from 1
	err    error
}

// newListReader reads paths that end in a newline, or with from0 in a zero byte.
// The last may go without. The name of the list appears in errors.
//
// With newlines one carriage return at the end of a line, and a UTF-8 byte order mark at
// the start, belong to the list and not to a path; with from0 every byte counts.
func newListReader(list io.Reader, name string, from0 bool) *listReader {
	l := &listReader{in: bufio.NewReaderSize(list, maxListRecord), name: name, end: '\n'}
	if from0 {
		l.end = 0
	}
	return l
}

// Next returns the next path, relative to the named source, with slashes and without empty
// components, "." and a slash at the end; "." is the source itself. It passes over empty
// entries; # starts no comment. After the last path it returns io.EOF.
//
// A path that is absolute, goes through "..", or has a name that CheckName refuses is
// ErrName. A path beyond MaxPath or MaxDepth is ErrTooDeep. After one of these the caller
// may go on with the next entry. Any other error is final.
func (l *listReader) Next() (string, error) {
	for {
		raw, err := l.record()
		if err != nil {
			return "", err
		}
		if raw == "" {
			continue
		}
		path, err := cleanListed(raw)
		if err != nil && l.end != 0 && strings.IndexByte(raw, 0) >= 0 {
			err = fmt.Errorf("%w (a list that is separated by zero bytes needs --from0)", err)
		}
		if err != nil {
			return "", l.fail(err)
		}
		return path, nil
	}
}

// record returns the next entry without its separator.
func (l *listReader) record() (string, error) {
	if l.err != nil {
		return "", l.err
	}
	raw, err := l.in.ReadSlice(l.end)
	l.number++
	switch {
	case err == nil:
		raw = raw[:len(raw)-1]
	case errors.Is(err, io.EOF):
		l.err = io.EOF
		if len(raw) == 0 {
			return "", io.EOF
		}
	case errors.Is(err, bufio.ErrBufferFull):
		l.err = l.fail(fmt.Errorf("longer than %d bytes", maxListRecord))
		return "", l.err
	default:
		l.err = l.fail(err)
		return "", l.err
	}
	text := string(raw)
	if l.end == '\n' {
		text = strings.TrimSuffix(text, "\r")
		if l.number == 1 {
			text = strings.TrimPrefix(text, byteOrderMark)
		}
	}
	return text, nil
}

func (l *listReader) fail(err error) error {
	unit := "line"
	if l.end == 0 {
		unit = "entry"
	}
	return fmt.Errorf("%s %d of %s: %w", unit, l.number, l.name, err)
}

// cleanListed checks one path of a list. It resolves nothing. It refuses ".." even where
// that seems to lead back inside, because after a link it may lead elsewhere.
func cleanListed(raw string) (string, error) {
	path := filepath.ToSlash(raw)
	if path[0] == '/' {
		return "", fmt.Errorf("%.300q: %w", raw, refused("an absolute path"))
	}
	var clean strings.Builder
	depth := -1
	for c := range strings.SplitSeq(path, "/") {
		if c == "" || c == "." {
			continue
		}
		if err := CheckName(c); err != nil {
			return "", fmt.Errorf("%.300q: %w", raw, err)
		}
		if depth++; depth > 0 {
			clean.WriteByte('/')
		}
		clean.WriteString(c)
	}
	switch {
	case depth < 0:
		return ".", nil
	case depth > MaxDepth || clean.Len() > MaxPath:
		return "", fmt.Errorf("%.300q: %w", raw, ErrTooDeep)
	}
	return clean.String(), nil
}
