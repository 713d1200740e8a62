package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
)

// maxAnswer is the longest line that is read as a code or an answer, in bytes.
const maxAnswer = 1024

var errLongLine = errors.New("line is too long")

// typed reads lines. It reads byte by byte, so that it takes nothing after a line. The
// end of input after some text ends a line too. One goroutine at a time may use it.
type typed struct {
	from    io.Reader
	pending chan typedLine // of a read that is still under way; nil if there is none

	mu    sync.Mutex
	begun []byte // the beginning of a line, of the goroutine that reads
}

type typedLine struct {
	text string
	err  error
}

// line returns the next line. If ctx ends first, it leaves the goroutine that reads
// behind, since a read of a terminal cannot be interrupted. The next call of line gets
// what that goroutine reads.
func (t *typed) line(ctx context.Context) (string, error) {
	if t.pending == nil {
		got := make(chan typedLine, 1) // so that the reader left behind can end
		t.pending = got
		go t.scan(got)
	}
	select {
	case l := <-t.pending:
		t.pending = nil
		return l.text, l.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// discard throws away what was typed up to now: it was typed before the question and is
// no answer to it. An end or error of the input is kept.
func (t *typed) discard() {
	t.mu.Lock()
	defer t.mu.Unlock()
	discardInput(t.from)
	t.begun = nil
	select {
	case l := <-t.pending:
		if t.pending = nil; l.err != nil && l.err != errLongLine {
			t.pending = make(chan typedLine, 1)
			t.pending <- l
		}
	default:
	}
}

// scan reads a line. It hands the line over under the lock, so that discard sees
// either the beginning of a line or all of it.
func (t *typed) scan(got chan<- typedLine) {
	var b [1]byte
	for {
		n, err := t.from.Read(b[:])
		if t.scanned(n, b[0], err, got) {
			return
		}
	}
}

// scanned takes what a read returned, and tells whether that ended the line.
func (t *typed) scanned(n int, c byte, err error, got chan<- typedLine) (end bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case n == 1 && c == '\n', n == 0 && err == io.EOF && len(t.begun) > 0:
		got <- typedLine{text: string(t.begun)}
	case n == 1 && len(t.begun) == maxAnswer:
		got <- typedLine{err: errLongLine}
	case n == 1:
		t.begun = append(t.begun, c)
		return false
	case err != nil:
		got <- typedLine{err: err}
	default:
		return false
	}
	t.begun = nil
	return true
}

// readLine reads one line, and leaves a read under way behind when ctx ends.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	return (&typed{from: r}).line(ctx)
}

// onDescriptor calls use with the descriptor of r, if it has one.
func onDescriptor(r io.Reader, use func(fd uintptr)) {
	f, ok := r.(syscall.Conn)
	if !ok {
		return
	}
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(use) // fails only once it is closed
	}
}
