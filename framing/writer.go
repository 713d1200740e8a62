package framing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// wholeWrite is the length in bytes from which a frame's last part is written
// by itself: above it a copy costs more than a second call.
const wholeWrite = 16 << 10

// Writer puts frames on an io.Writer, each in one Write, or in two when its last part
// is large. Every error sticks: after an error the io.Writer may have part of a frame.
type Writer struct {
	w   io.Writer
	buf []byte // reused; at most the largest frame
	err error
}

// NewWriter returns a Writer on w. It holds nothing back: when WriteFrame returns, w
// has all of the frame.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteFrame writes one frame whose body is the parts, one after another. A
// body that is empty or above Limit(t) is the caller's error, an *Error with
// CodeInternal. The parts are not kept.
func (w *Writer) WriteFrame(t Type, parts ...[]byte) error {
	if w.err != nil {
		return w.err
	}
	var whole []byte
	if n := len(parts); n > 0 && len(parts[n-1]) >= wholeWrite {
		whole, parts = parts[n-1], parts[:n-1]
	}
	if w.buf, w.err = AppendFrame(w.buf[:0], t, len(whole), parts...); w.err != nil {
		return w.err
	}
	w.write(t, w.buf)
	if whole != nil {
		w.write(t, whole)
	}
	return w.err
}

// AppendFrame appends a frame of type t to dst, but for the last rest bytes of its body:
// header and parts. A body that is empty or above Limit(t) is the caller's error, an
// *Error with CodeInternal.
func AppendFrame(dst []byte, t Type, rest int, parts ...[]byte) ([]byte, error) {
	n, limit := rest, Limit(t)
	for _, p := range parts {
		if n > limit {
			break // before a sum overflows
		}
		n += len(p)
	}
	if n > limit {
		return dst, &Error{Type: t, Code: CodeInternal, Err: fmt.Errorf("body of %d bytes or more, limit %d", n, limit)}
	}
	if n == 0 {
		return dst, &Error{Type: t, Code: CodeInternal, Err: errors.New("empty body")}
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(1+n))
	dst = append(dst, byte(t))
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst, nil
}

func (w *Writer) write(t Type, p []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("writing a %v frame: %w", t, err)
	}
}
