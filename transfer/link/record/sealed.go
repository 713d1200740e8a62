package record

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// sealWhole is the length from which bytes get a record of their own, in bytes; fewer
// gather in one.
const sealWhole = 16 << 10

// errLength: no record has that length.
var errLength = errors.New("a sealed record of that length")

// Sealed reads and writes sealed records on a connection. A piece of a chunk is sealed
// from where it was read, and opened where it is hashed, in one pass each, where
// crypto/tls copies it four times. The reading half and the writing half belong to one
// goroutine at a time each.
type Sealed struct {
	raw *Conn

	opener *sealer
	rest   []byte // opened and not read yet, in raw's buffer
	rerr   error  // sticky

	sealer  *sealer
	pending []byte // to be sealed
	werr    error  // sticky
}

// Seal returns what takes the place of the TLS connection in conn, whose records go over
// raw. dialled says that this side has dialled. It is nil if TLS agreed on another
// cipher than AES-GCM: without AES in hardware, that one is faster in TLS. Nothing may
// be under way, and conn is not used any more.
func Seal(raw *Conn, conn *tls.Conn, dialled bool) (*Sealed, error) {
	state := conn.ConnectionState()
	keySize := 0
	switch state.CipherSuite {
	case tls.TLS_AES_128_GCM_SHA256:
		keySize = 16
	case tls.TLS_AES_256_GCM_SHA384:
		keySize = 32
	default:
		return nil, nil
	}
	own, theirs := "dialler", "listener" // the side that seals
	if !dialled {
		own, theirs = theirs, own
	}
	s, err := newSealer(&state, keySize, own)
	if err != nil {
		return nil, err
	}
	o, err := newSealer(&state, keySize, theirs)
	if err != nil {
		return nil, err
	}
	return newSealed(raw, o, s), nil
}

func newSealed(raw *Conn, opener, sealer *sealer) *Sealed {
	return &Sealed{raw: raw, opener: opener, sealer: sealer, pending: make([]byte, 0, sealWhole)}
}

// Read returns bytes of one record at most, and io.EOF at the orderly end.
func (s *Sealed) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(s.rest) == 0 {
		if s.rerr != nil {
			return 0, s.rerr
		}
		record, err := s.record()
		if err != nil {
			return 0, err // a deadline may be put off, and what is there is kept
		}
		n := len(record) - head - tag
		dst := record[head:head]
		whole := n <= len(p)
		if whole {
			dst = p[:0]
		}
		opened, err := s.opener.open(dst, record)
		switch {
		case err != nil:
			s.rerr = err
		case n == 0:
			s.rerr = io.EOF
		case whole:
			return n, nil
		default:
			s.rest = opened
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// record returns the next record, head and all, in raw's buffer.
func (s *Sealed) record() ([]byte, error) {
	length, err := s.raw.want(head)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length)
	if n < tag || n > maxSealed+tag {
		s.rerr = fmt.Errorf("%w: %d", errLength, n)
		return nil, s.rerr
	}
	// At 1 KB/s a record takes minutes, and is no stall.
	s.raw.ear.begin(int(n))
	record, err := s.raw.want(head + int(n))
	s.raw.ear.end(err == nil)
	if err != nil {
		return nil, err
	}
	s.raw.start += len(record)
	return record, nil
}

// Write gathers what is small, and seals what is not. It may keep p until Flush, as a
// copy.
func (s *Sealed) Write(p []byte) (int, error) {
	if len(p) < sealWhole && len(s.pending)+len(p) <= cap(s.pending) {
		s.pending = append(s.pending, p...)
		return len(p), s.werr
	}
	s.sealPending()
	if len(p) < sealWhole {
		s.pending = append(s.pending, p...)
		return len(p), s.werr
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxSealed)
		s.put(rest[:n])
		rest = rest[n:]
	}
	return len(p), s.werr
}

func (s *Sealed) sealPending() {
	if len(s.pending) > 0 {
		s.put(s.pending)
		s.pending = s.pending[:0]
	}
}

func (s *Sealed) put(p []byte) {
	if s.werr == nil {
		s.werr = s.raw.out.seal(s.raw, s.sealer, p)
	}
}

// Flush hands all that was written to the kernel. Its error sticks.
func (s *Sealed) Flush() error {
	s.sealPending()
	if s.werr == nil {
		s.werr = s.raw.Flush()
	}
	return s.werr
}

// CloseWrite writes the orderly end, which leaves with Flush.
func (s *Sealed) CloseWrite() error {
	s.sealPending()
	s.put(nil)
	return s.werr
}
