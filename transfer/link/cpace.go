package link

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
)

// Sizes of CPACE-X25519-SHA512, in bytes.
const (
	shareSize  = 32
	scalarSize = 32
	iskSize    = sha512.Size
)

const cpaceDSI = "CPace255"

// errShare: the peer's share is no point, or one of low order, which would make
// the key known to everybody.
var errShare = errors.New("unusable key share")

// cpaceParty is one side of one run of CPACE-X25519-SHA512 in its
// initiator-responder form (draft-irtf-cfrg-cpace, section 4). A run is good
// for one exchange and so for one guess of the password.
type cpaceParty struct {
	sid    []byte
	scalar *ecdh.PrivateKey
	share  [shareSize]byte
}

// newCPace starts a run: prs is the password, ci what both sides know of the
// channel, sid what is unique to it.
func newCPace(prs, ci, sid []byte) (*cpaceParty, error) {
	var scalar [scalarSize]byte
	if _, err := rand.Read(scalar[:]); err != nil {
		return nil, fmt.Errorf("drawing a scalar: %w", err)
	}
	return newCPaceScalar(prs, ci, sid, scalar[:])
}

func newCPaceScalar(prs, ci, sid, scalar []byte) (*cpaceParty, error) {
	key, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("scalar: %w", err)
	}
	g := cpaceGenerator(prs, ci, sid)
	share, err := x25519(key, g[:])
	if err != nil {
		return nil, fmt.Errorf("own share: %w", err)
	}
	return &cpaceParty{sid: sid, scalar: key, share: [shareSize]byte(share)}, nil
}

// cpaceTranscript is what both sides said: shares and associated data of the
// initiator (a) and the responder (b).
type cpaceTranscript struct {
	shareA, adA, shareB, adB []byte
}

// isk computes the intermediate session key from the peer's share, which must
// be the one of the two in t that is not ours.
func (p *cpaceParty) isk(peerShare []byte, t cpaceTranscript) ([]byte, error) {
	k, err := x25519(p.scalar, peerShare)
	if err != nil {
		return nil, err
	}
	// With room for all of it, or what grows leaves copies behind.
	msg := make([]byte, 0, 2*sha512.BlockSize+len(p.sid)+len(k)+len(t.shareA)+len(t.adA)+len(t.shareB)+len(t.adB))
	msg = appendLV(msg, []byte(cpaceDSI+"_ISK"), p.sid, k)
	msg = appendLV(msg, t.shareA, t.adA, t.shareB, t.adB)
	isk := sha512.Sum512(msg)
	clear(msg)
	clear(k)
	return isk[:], nil
}

// cpaceTags are the two confirmations (section 9.4 of the draft): each side
// authenticates the message that it sent. Compare with hmac.Equal only.
func cpaceTags(sid, isk []byte, t cpaceTranscript) (tagA, tagB [sha512.Size]byte) {
	h := sha512.New()
	h.Write([]byte("CPaceMac"))
	h.Write(sid)
	h.Write(isk)
	key := h.Sum(nil)
	tag := func(share, ad []byte) [sha512.Size]byte {
		m := hmac.New(sha512.New, key)
		m.Write(appendLV(nil, share, ad))
		return [sha512.Size]byte(m.Sum(nil))
	}
	return tag(t.shareA, t.adA), tag(t.shareB, t.adB)
}

// cpaceGenerator hashes the password to a point. The padding fills the first
// block of the hash, so that its time does not depend on the password's length.
func cpaceGenerator(prs, ci, sid []byte) [32]byte {
	used := len(appendLV(nil, make([]byte, len(prs)))) + len(appendLV(nil, []byte(cpaceDSI))) + 1
	pad := make([]byte, max(0, sha512.BlockSize-used))
	msg := make([]byte, 0, used+2*sha512.BlockSize+len(ci)+len(sid))
	msg = appendLV(msg, []byte(cpaceDSI), prs, pad, ci, sid)
	sum := sha512.Sum512(msg)
	clear(msg)
	return elligator2([32]byte(sum[:32]))
}

func x25519(scalar *ecdh.PrivateKey, u []byte) ([]byte, error) {
	pub, err := ecdh.X25519().NewPublicKey(u)
	if err != nil {
		return nil, errShare
	}
	k, err := scalar.ECDH(pub) // refuses an all-zero result, the draft's G.I
	if err != nil {
		return nil, errShare
	}
	return k, nil
}

// appendLV appends each part behind its length in LEB128, which makes the
// concatenation unambiguous.
func appendLV(b []byte, parts ...[]byte) []byte {
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
