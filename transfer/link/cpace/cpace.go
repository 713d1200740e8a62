package cpace

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
)

// ShareSize is the length of a share, in bytes.
const ShareSize = 32

const (
	scalarSize = 32
	dsi        = "CPace255" // names the group in all that is hashed
)

// ErrShare says that a share is no point, or one of low order. Such a share would
// make the key known to everybody.
var ErrShare = errors.New("unusable key share")

// Generator hashes a password to a point of the curve. prs is the password, ci is what
// both sides know of the channel, and sid is unique to the run. The padding fills the
// first block of the hash, so that its time does not depend on the password's length.
func Generator(prs, ci, sid []byte) [32]byte {
	used := len(AppendLV(nil, make([]byte, len(prs)))) + len(AppendLV(nil, []byte(dsi))) + 1
	pad := make([]byte, max(0, sha512.BlockSize-used))
	msg := make([]byte, 0, used+2*sha512.BlockSize+len(ci)+len(sid))
	msg = AppendLV(msg, []byte(dsi), prs, pad, ci, sid)
	sum := sha512.Sum512(msg)
	clear(msg)
	return elligator2([32]byte(sum[:32]))
}

// Party is one side of one run, which is good for one exchange and so for one guess of
// the password.
type Party struct {
	sid    []byte
	scalar *ecdh.PrivateKey
	share  [ShareSize]byte
}

// New starts a run from the generator of a password, with a scalar that it reads from
// random. sid is the one that the generator was made with. An error is that of random.
func New(random io.Reader, generator [32]byte, sid []byte) (*Party, error) {
	var scalar [scalarSize]byte
	if _, err := io.ReadFull(random, scalar[:]); err != nil {
		return nil, fmt.Errorf("drawing a scalar: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		return nil, fmt.Errorf("scalar: %w", err)
	}
	share, err := x25519(key, generator[:])
	if err != nil {
		return nil, fmt.Errorf("own share: %w", err)
	}
	return &Party{sid: sid, scalar: key, share: [ShareSize]byte(share)}, nil
}

// Share returns what the other side has to get.
func (p *Party) Share() []byte { return p.share[:] }

// Transcript is what both sides said: shares and associated data of the initiator, A,
// and of the responder, B.
type Transcript struct {
	ShareA, ADA, ShareB, ADB []byte
}

// ISK computes the intermediate session key, of 64 bytes, from the peer's share. That
// has to be the one of the two in t that is not ours. The error is ErrShare.
func (p *Party) ISK(peerShare []byte, t Transcript) ([]byte, error) {
	k, err := x25519(p.scalar, peerShare)
	if err != nil {
		return nil, err
	}
	// With room for all of it, or what grows leaves copies behind.
	msg := make([]byte, 0, 2*sha512.BlockSize+len(p.sid)+len(k)+len(t.ShareA)+len(t.ADA)+len(t.ShareB)+len(t.ADB))
	msg = AppendLV(msg, []byte(dsi+"_ISK"), p.sid, k)
	msg = AppendLV(msg, t.ShareA, t.ADA, t.ShareB, t.ADB)
	isk := sha512.Sum512(msg)
	clear(msg)
	clear(k)
	return isk[:], nil
}

// Tags are the two confirmations (section 9.4 of the draft). Each side authenticates the
// message that it sent. Compare them with hmac.Equal only.
func Tags(sid, isk []byte, t Transcript) (tagA, tagB [sha512.Size]byte) {
	h := sha512.New()
	h.Write([]byte("CPaceMac"))
	h.Write(sid)
	h.Write(isk)
	key := h.Sum(nil)
	tag := func(share, ad []byte) [sha512.Size]byte {
		m := hmac.New(sha512.New, key)
		m.Write(AppendLV(nil, share, ad))
		return [sha512.Size]byte(m.Sum(nil))
	}
	return tag(t.ShareA, t.ADA), tag(t.ShareB, t.ADB)
}

func x25519(scalar *ecdh.PrivateKey, u []byte) ([]byte, error) {
	pub, err := ecdh.X25519().NewPublicKey(u)
	if err != nil {
		return nil, ErrShare
	}
	k, err := scalar.ECDH(pub) // refuses an all-zero result, the draft's G.I
	if err != nil {
		return nil, ErrShare
	}
	return k, nil
}

// AppendLV appends each part behind its length in LEB128, which makes the whole
// unambiguous: lv_cat of the draft.
func AppendLV(b []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		n := len(p)
		for ; n >= 0x80; n >>= 7 {
			b = append(b, byte(n)|0x80)
		}
		b = append(b, byte(n))
		b = append(b, p...)
	}
	return b
}
