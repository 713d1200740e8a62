package link

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sealed records take the place of TLS records on a connection that has proved
// itself, if both sides have CapSealed and TLS agreed on AES-GCM. They are sealed
// with the same cipher under keys from the TLS exporter, as DTLS-SRTP has them
// (RFC 5764), and hold sixteen times as much: a piece of a chunk is sealed from
// where it was read, and opened where it is hashed, in one pass each, where
// crypto/tls copies it four times.
//
//	4B length of the rest · sealed bytes and their tag of 16 bytes
//
// The length is authenticated with them. A record of nothing is the orderly end.
const (
	sealedLabel = "EXPORTER-ferry-sealed"
	sealedHead  = 4
	sealedTag   = 16
	// maxSealed bounds the bytes in a record.
	maxSealed = 256 << 10
	// sealedKey is how many bytes a key seals at the most, before the next
	// generation of it: below what RFC 8446, section 5.5, has for AES-GCM.
	sealedKey = 64 << 30
	// sealWhole is the length from which bytes get a record of their own; fewer
	// gather in one.
	sealWhole = 16 << 10
	// readSlack is how much of what follows is read with a record: the next frame's
	// header, and little that would have to be moved.
	readSlack = 4 << 10
)

var (
	errSealedLength = errors.New("a sealed record of that length")
	errForged       = errors.New("a sealed record that the other side did not make")
)

// sealer has the keys of one direction. Nonces are those of TLS 1.3 (RFC 8446,
// section 5.3): a secret one of 12 bytes, XORed with the number of the record.
//
// The keys of a generation come from a secret that makes the next secret too and is
// then wiped, so that memory never holds what an older key could be made from.
type sealer struct {
	secret  []byte // of the generation that follows
	keySize int
	limit   int64 // bytes a key seals

	aead    cipher.AEAD
	iv      [12]byte
	records uint64 // under this key
	bytes   int64  // under this key
}

func newSealer(conn *tls.Conn, keySize int, way string) (*sealer, error) {
	state := conn.ConnectionState()
	secret, err := state.ExportKeyingMaterial(sealedLabel, []byte(way), secretSize)
	if err != nil {
		return nil, fmt.Errorf("TLS exporter: %w", err)
	}
	s := &sealer{secret: secret, keySize: keySize, limit: sealedKey}
	return s, s.rekey()
}

func (s *sealer) rekey() error {
	b, err := hkdf.Expand(sha512.New, s.secret, "ferry sealed keys", len(s.iv)+s.keySize)
	if err != nil {
		return fmt.Errorf("deriving keys: %w", err)
	}
	defer clear(b)
	next, err := hkdf.Expand(sha512.New, s.secret, "ferry sealed next", secretSize)
	if err != nil {
		return fmt.Errorf("deriving the next secret: %w", err)
	}
	clear(s.secret)
	s.secret = next
	block, err := aes.NewCipher(b[len(s.iv):])
	if err != nil {
		return err
	}
	s.aead, err = cipher.NewGCM(block)
	copy(s.iv[:], b)
	s.records, s.bytes = 0, 0
	return err
}

// next counts a record of n bytes, and returns its nonce.
func (s *sealer) next(n int) (nonce [12]byte, err error) {
	if s.bytes+int64(n) > s.limit {
		if err := s.rekey(); err != nil {
			return nonce, err
		}
	}
	nonce = s.iv
	for i := range 8 {
		nonce[4+i] ^= byte(s.records >> (56 - 8*i))
	}
	s.records++
	s.bytes += int64(n)
	return nonce, nil
}

// seal appends a record with p to dst.
func (s *sealer) seal(dst, p []byte) ([]byte, error) {
	nonce, err := s.next(len(p))
	if err != nil {
		return dst, err
	}
	head := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(p)+sealedTag))
	return s.aead.Seal(dst, nonce[:], p, dst[head:]), nil
}

// open opens a record, head and all, into dst, which has room or is where the
// record's own sealed bytes begin.
func (s *sealer) open(dst, record []byte) ([]byte, error) {
	nonce, err := s.next(len(record) - sealedHead - sealedTag)
	if err != nil {
		return nil, err
	}
	p, err := s.aead.Open(dst, nonce[:], record[sealedHead:], record[:sealedHead])
	if err != nil {
		return nil, errForged
	}
	return p, nil
}

// sealedConn reads and writes sealed records on a connection. Its reading half
// and its writing half belong to one goroutine at a time each.
type sealedConn struct {
	raw     *coalescer
	opener  *sealer
	sealer  *sealer
	rest    []byte // opened and not read yet, in raw's buffer
	rerr    error  // sticky
	pending []byte // to be sealed
	werr    error  // sticky
}

// seal has what follows on c go in sealed records, both ways, if TLS agreed on a
// cipher for that. Nothing may be under way.
func (c *channel) seal() error {
	keySize := 0
	switch c.tls.ConnectionState().CipherSuite {
	case tls.TLS_AES_128_GCM_SHA256:
		keySize = 16
	case tls.TLS_AES_256_GCM_SHA384:
		keySize = 32
	default:
		return nil // without AES in hardware, the other cipher of TLS is faster
	}
	ways := [2]string{"dialler", "listener"} // who seals
	own := ways[c.side]
	s := &sealedConn{raw: c.raw, pending: make([]byte, 0, sealWhole)}
	var err error
	if s.sealer, err = newSealer(c.tls, keySize, own); err != nil {
		return err
	}
	if s.opener, err = newSealer(c.tls, keySize, ways[1-c.side]); err != nil {
		return err
	}
	c.sealed = s
	// TLS still has what the secrets were made from.
	c.tls, c.r, c.w = nil, nil, nil
	return nil
}

// Read returns bytes of one record at most.
func (s *sealedConn) Read(p []byte) (int, error) {
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
		n := len(record) - sealedHead - sealedTag
		dst := record[sealedHead:sealedHead]
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

// record returns the next record, in raw's buffer.
func (s *sealedConn) record() ([]byte, error) {
	head, err := s.raw.want(sealedHead)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head)
	if n < sealedTag || n > maxSealed+sealedTag {
		s.rerr = fmt.Errorf("%w: %d", errSealedLength, n)
		return nil, s.rerr
	}
	// At 1 KB/s a record takes minutes, and is no stall.
	s.raw.bulky, s.raw.partial = n > readSlack, true
	record, err := s.raw.want(sealedHead + int(n))
	s.raw.bulky = false
	if err != nil {
		return nil, err
	}
	s.raw.complete()
	s.raw.start += len(record)
	return record, nil
}

// Write gathers what is small, and seals what is not.
func (s *sealedConn) Write(p []byte) (int, error) {
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

func (s *sealedConn) sealPending() {
	if len(s.pending) > 0 {
		s.put(s.pending)
		s.pending = s.pending[:0]
	}
}

func (s *sealedConn) put(p []byte) {
	if s.werr == nil {
		s.werr = s.raw.appendRecord(sealedHead+len(p)+sealedTag, func(out []byte) ([]byte, error) { return s.sealer.seal(out, p) })
	}
}

// flush hands all that was written to the kernel.
func (s *sealedConn) flush() error {
	s.sealPending()
	if s.werr == nil {
		s.werr = s.raw.Flush()
	}
	return s.werr
}

// CloseWrite writes the orderly end.
func (s *sealedConn) CloseWrite() error {
	s.sealPending()
	s.put(nil)
	return s.werr
}
