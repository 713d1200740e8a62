package checksum

import (
	"encoding/hex"
	"fmt"

	"github.com/zeebo/blake3"
)

// Digest is the standard 256-bit BLAKE3 digest of a file: what b3sum prints.
type Digest [32]byte

// String gives 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// parseHex reads what String writes: exactly 64 lower-case hexadecimal digits. Upper
// case is refused, as b3sum refuses it.
func parseHex(s []byte) (d Digest, err error) {
	if len(s) != 2*len(d) {
		return Digest{}, fmt.Errorf("%d characters instead of %d", len(s), 2*len(d))
	}
	for i, c := range s {
		var v byte
		switch {
		case '0' <= c && c <= '9':
			v = c - '0'
		case 'a' <= c && c <= 'f':
			v = c - 'a' + 10
		default:
			return Digest{}, fmt.Errorf("character %d is no lower-case hexadecimal digit", i+1)
		}
		d[i/2] = d[i/2]<<4 | v
	}
	return d, nil
}

// Sum is the digest of p, which is the whole content. It is the fastest way for
// content of one chunk or less.
func Sum(p []byte) Digest {
	if haveWide && len(p) >= wideSum {
		return rootOf(subtree(p, 0, true))
	}
	return blake3.Sum256(p)
}

// Hasher computes the digest of content that comes in order and in pieces of
// any size, on one core. It belongs to one goroutine.
type Hasher struct{ h *blake3.Hasher }

// NewHasher returns a Hasher that has seen nothing yet.
func NewHasher() *Hasher { return &Hasher{h: blake3.New()} }

// Write never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.h.Write(p) }

// Sum is the digest of all that was written so far; more may follow.
func (h *Hasher) Sum() Digest {
	var d Digest
	h.h.Sum(d[:0])
	return d
}

// reset forgets what was written.
func (h *Hasher) reset() { h.h.Reset() }
