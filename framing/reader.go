package framing

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Reader takes frames off an io.Reader. It never reads past the frame that was asked
// for, so the io.Reader may be handed on between frames. Every error sticks.
type Reader struct {
	r       io.Reader
	allowed []Type // nil: every type
	t       Type
	left    int // bytes of the current body not read yet
	head    [headerSize]byte
	buf     []byte // backs Body; at most the largest limit of the types seen
	err     error
}

// NewReader returns a Reader that allows every type.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Restrict has Next refuse all types but these, which a caller needs before the peer
// has proved who it is. Without arguments every type is allowed again.
func (r *Reader) Restrict(allowed ...Type) { r.allowed = slices.Clone(allowed) }

// Next reads the header of the next frame and returns its type and the length
// of its body in bytes, which the type's limit bounds. The body before it must
// have been read to its end. At a frame boundary the end of the input is io.EOF
// itself, anywhere else it is an error that wraps io.ErrUnexpectedEOF.
func (r *Reader) Next() (t Type, n int, err error) {
	if r.err == nil && r.left != 0 {
		r.err = &Error{Type: r.t, Code: CodeInternal, Err: fmt.Errorf("next frame asked for with %d bytes unread", r.left)}
	}
	if r.err == nil {
		r.err = r.next()
	}
	if r.err != nil {
		r.left = 0
		return 0, 0, r.err
	}
	return r.t, r.left, nil
}

func (r *Reader) next() error {
	// A length of 0 has no type byte to wait for.
	got, err := io.ReadAtLeast(r.r, r.head[:], headerSize-1)
	if err == io.EOF {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("reading a frame's length: %w", err)
	}
	length := binary.BigEndian.Uint32(r.head[:])
	if length == 0 {
		return &Error{Code: CodeProtocol, Err: fmt.Errorf("length: %w", errShort)}
	}
	if got < headerSize {
		if _, err := io.ReadFull(r.r, r.head[headerSize-1:]); err != nil {
			return fmt.Errorf("reading a frame's type: %w", noEOF(err))
		}
	}
	t := Type(r.head[headerSize-1])
	limit := Limit(t)
	switch {
	case limit == 0:
		return &Error{Type: t, Code: CodeProtocol, Err: fmt.Errorf("type: %w", errUnknown)}
	case len(r.allowed) != 0 && !slices.Contains(r.allowed, t):
		return &Error{Type: t, Code: CodeProtocol, Err: errNotNow}
	case uint64(length) > uint64(limit)+1:
		return &Error{Type: t, Code: CodeProtocol, Err: fmt.Errorf("length %d, limit %d: %w", length, limit+1, errRange)}
	}
	r.t, r.left = t, int(length)-1
	return nil
}

// Remaining returns how many bytes of the current body are not read yet.
func (r *Reader) Remaining() int { return r.left }

// Body returns the rest of the current body. The slice is valid until the next
// call of Body or Next.
func (r *Reader) Body() ([]byte, error) {
	if cap(r.buf) < r.left {
		r.buf = make([]byte, max(r.left, 4096))
	}
	p := r.buf[:r.left]
	if err := r.ReadFull(p); err != nil {
		return nil, err
	}
	return p, nil
}

// ReadFull fills p with the next bytes of the current body. If the body has fewer, the
// peer sent a message shorter than its fields, which is an *Error.
func (r *Reader) ReadFull(p []byte) error {
	if r.err == nil && len(p) > r.left {
		r.err = &Error{Type: r.t, Code: CodeProtocol, Err: errShort}
	}
	if r.err != nil {
		return r.err
	}
	if _, err := io.ReadFull(r.r, p); err != nil {
		r.err = fmt.Errorf("reading the body of a %v frame: %w", r.t, noEOF(err))
		r.left = 0
		return r.err
	}
	r.left -= len(p)
	return nil
}

// noEOF turns an end inside a frame into the error that says so.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
