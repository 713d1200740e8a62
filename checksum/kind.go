package checksum

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// Kind is how the digests of a list were made. Lists of BLAKE3 are written and checked,
// those of other kinds are only checked: files come with them.
type Kind uint8

// The kinds. The zero value is BLAKE3.
const (
	BLAKE3 Kind = iota
	// Either is BLAKE3 or SHA-256, which are of one length. Where a line does not say, only
	// the file can tell.
	Either
	MD5
	SHA1
	SHA224
	SHA256
	SHA384
	SHA512
	kinds
)

func (k Kind) String() string {
	switch k {
	case BLAKE3:
		return "BLAKE3"
	case Either:
		return "BLAKE3 or SHA-256"
	case MD5:
		return "MD5"
	case SHA1:
		return "SHA-1"
	case SHA224:
		return "SHA-224"
	case SHA256:
		return "SHA-256"
	case SHA384:
		return "SHA-384"
	case SHA512:
		return "SHA-512"
	}
	return "unknown"
}

// Broken tells whether files with one digest of this kind, and different content, can be
// made. Such a list shows damage, and no forgery.
func (k Kind) Broken() bool { return k == MD5 || k == SHA1 }

// kindOfTag is the kind that stands before a name in a line of sha256sum --tag and the like.
func kindOfTag(tag []byte) (Kind, bool) {
	switch string(tag) {
	case "BLAKE3":
		return BLAKE3, true
	case "MD5":
		return MD5, true
	case "SHA1":
		return SHA1, true
	case "SHA224":
		return SHA224, true
	case "SHA256":
		return SHA256, true
	case "SHA384":
		return SHA384, true
	case "SHA512":
		return SHA512, true
	}
	return BLAKE3, false
}

// other is a new hash of this kind, nil for BLAKE3.
func (k Kind) other() hash.Hash {
	switch k {
	case MD5:
		return md5.New()
	case SHA1:
		return sha1.New()
	case SHA224:
		return sha256.New224()
	case SHA256:
		return sha256.New()
	case SHA384:
		return sha512.New384()
	case SHA512:
		return sha512.New()
	}
	return nil
}

// size is how many bytes a digest has.
func (k Kind) size() int {
	switch k {
	case MD5:
		return md5.Size
	case SHA1:
		return sha1.Size
	case SHA224:
		return sha256.Size224
	case SHA384:
		return sha512.Size384
	case SHA512:
		return sha512.Size
	}
	return sha256.Size
}

// kindOfSize is the kind of a digest of which only the size is known.
func kindOfSize(size int) (Kind, bool) {
	for k := Either; k < kinds; k++ {
		if k.size() == size {
			return k, true
		}
	}
	return BLAKE3, false
}
