package checksum

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line of a list that is read, in bytes without the
// newline. It takes the longest path of any supported system with every byte
// escaped.
const maxLine = 512 << 10

// Line is one line of a list. With Err set the line could not be understood and
// the rest of it means nothing; the lines after it still count.
type Line struct {
	Number int    // from 1
	Kind   Kind   // Either, if the line does not tell
	Sum    []byte // the digest
	Name   []byte // raw bytes, not yet checked in any way
	Err    error
}

// Scanner reads a list line by line. It belongs to one goroutine.
type Scanner struct {
	s    *bufio.Scanner
	line Line
	err  error // what s does not know of
}

// errLineTooLong is about a line that no list has: a name is no longer than a path can
// be.
var errLineTooLong = errors.New("longer than the limit")

// errUTF16 is about a list that a shell of Windows has written.
var errUTF16 = errors.New("the text is UTF-16: save it as UTF-8")

// NewScanner returns a Scanner of the list r.
func NewScanner(r io.Reader) *Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4<<10), maxLine+1) // bufio counts the newline
	s.Split(splitLines)
	return &Scanner{s: s}
}

// Scan goes to the next line that is no comment. It is false at the end and after an error.
func (s *Scanner) Scan() bool {
	for s.s.Scan() {
		s.line.Number++
		if line := s.s.Bytes(); !bytes.HasPrefix(line, []byte{'#'}) {
			return s.take(line)
		}
	}
	return false
}

// take makes line the one that Scan went to.
func (s *Scanner) take(line []byte) bool {
	if s.line.Number == 1 {
		if bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff")) {
			s.err = errUTF16
			return false
		}
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // a byte order mark, of an editor
	}
	var r record
	r, s.line.Err = parseLine(line)
	s.line.Kind, s.line.Sum, s.line.Name = r.kind, r.sum, r.name
	if s.line.Err != nil {
		s.line.Err = fmt.Errorf("line %d: %w", s.line.Number, s.line.Err)
	}
	return true
}

// Line is the line that Scan went to.
func (s *Scanner) Line() Line { return s.line }

// Err is what ended the list before its end: a failed read, a line longer than
// 512 KiB, or another encoding than UTF-8.
func (s *Scanner) Err() error {
	if s.err != nil {
		return s.err
	}
	if err := s.s.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d: %w of %d bytes", s.line.Number+1, errLineTooLong, maxLine)
	} else if err != nil {
		return fmt.Errorf("reading line %d: %w", s.line.Number+1, err)
	}
	return nil
}

// splitLines splits at newlines only: parseLine deals with carriage returns.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
