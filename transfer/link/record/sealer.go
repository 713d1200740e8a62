package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
)

// Sealed records are sealed with the cipher that TLS agreed on, under keys from the TLS
// exporter, as DTLS-SRTP has them (RFC 5764). They hold sixteen times as much as those
// of TLS.
//
//	4B length of the rest · sealed bytes and their tag of 16 bytes
//
// The length is authenticated with them. A record of nothing is the orderly end.
const (
	label = "EXPORTER-ferry-sealed"
	head  = 4
	tag   = 16
	// maxSealed bounds the bytes in a record.
	maxSealed = 256 << 10
	// keyLimit is how many bytes a key seals at the most, before the next generation of
	// it: below what RFC 8446, section 5.5, has for AES-GCM.
	keyLimit = 64 << 30
	// secretSize is the length of a generation's secret, in bytes.
	secretSize = 64
)

// errForged: the record was changed on the way, or is not the next one.
var errForged = errors.New("a sealed record that the other side did not make")

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

// newSealer makes the keys of the side named way out of what the TLS exporter has.
func newSealer(state *tls.ConnectionState, keySize int, way string) (*sealer, error) {
	secret, err := state.ExportKeyingMaterial(label, []byte(way), secretSize)
	if err != nil {
		return nil, fmt.Errorf("TLS exporter: %w", err)
	}
	return sealerOf(secret, keySize, keyLimit)
}

// sealerOf begins with generation 0 of secret, which it wipes. A key seals limit bytes.
func sealerOf(secret []byte, keySize int, limit int64) (*sealer, error) {
	s := &sealer{secret: secret, keySize: keySize, limit: limit}
	return s, s.rekey()
}

// rekey goes on to the next generation.
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
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(p)+tag))
	return s.aead.Seal(dst, nonce[:], p, dst[at:]), nil
}

// open opens a record, head and all, into dst, which has room or is where the
// record's own sealed bytes begin.
func (s *sealer) open(dst, record []byte) ([]byte, error) {
	nonce, err := s.next(len(record) - head - tag)
	if err != nil {
		return nil, err
	}
	p, err := s.aead.Open(dst, nonce[:], record[head:], record[:head])
	if err != nil {
		return nil, errForged
	}
	return p, nil
}
