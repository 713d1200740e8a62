package link

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"fmt"
	"io"

	"ferry/framing"
	"ferry/transfer/link/cpace"
)

const (
	macSize    = 64 // bytes of a PROOF
	nonceSize  = 32
	secretSize = 64
)

// macs are the two confirmations of an exchange.
type macs struct{ dialler, listener [macSize]byte }

// prover knows how a HELLO's share is made, and what PROOF follows from both HELLOs. A
// PROOF binds the bodies of both byte for byte.
type prover interface {
	share() []byte
	// prove computes the confirmations; own tells which HELLO is ours.
	prove(dialler, listener helloBody, own side) (macs, error)
}

type side uint8

const (
	dialling side = iota
	listening
)

// helloBody is a HELLO as it was on the wire, and its share.
type helloBody struct {
	body, share []byte
}

// codeProver proves the pairing code by CPace, with the dialler as initiator,
// the HELLO bodies as associated data and the TLS exporter as session id.
type codeProver struct {
	party    *cpace.Party
	exporter []byte
	isk      []byte // set by prove
}

// newCodeProver takes the role of the side that dials; the other has the other. All
// that it does follows from its arguments.
func newCodeProver(random io.Reader, code Code, dialler Role, exporter []byte) (*codeProver, error) {
	password := []byte(code.Reveal())
	defer clear(password)
	g := cpace.Generator(password, channelID(dialler), exporter)
	party, err := cpace.New(random, g, exporter)
	if err != nil {
		return nil, err
	}
	return &codeProver{party: party, exporter: exporter}, nil
}

// channelID is what both sides know of the channel before the proof.
func channelID(dialler Role) []byte {
	return cpace.AppendLV(nil, []byte(alpn), []byte("dialler"), []byte{byte(dialler)},
		[]byte("listener"), []byte{byte(otherRole(dialler))})
}

func (p *codeProver) share() []byte { return p.party.Share() }

func (p *codeProver) prove(d, l helloBody, own side) (macs, error) {
	if len(d.share) != cpace.ShareSize || len(l.share) != cpace.ShareSize {
		return macs{}, cpace.ErrShare
	}
	if bytes.Equal(d.share, l.share) {
		return macs{}, errReflected
	}
	peer := l.share
	if own == listening {
		peer = d.share
	}
	t := cpace.Transcript{ShareA: d.share, ADA: d.body, ShareB: l.share, ADB: l.body}
	isk, err := p.party.ISK(peer, t)
	if err != nil {
		return macs{}, err
	}
	p.isk = isk
	var m macs
	m.dialler, m.listener = cpace.Tags(p.exporter, isk, t)
	return m, nil
}

// forget wipes what the session was made from. The scalar cannot be wiped.
func (p *codeProver) forget() {
	clear(p.isk)
	p.party = nil
}

// sessionProver proves the secret of a session: HMAC-SHA-512 under it of
// lv_cat("ferry session proof", "dialler" or "listener", exporter, both HELLO
// bodies, the dialler's first), which name role, stream, epoch and nonces.
type sessionProver struct {
	secret   []byte
	exporter []byte
	nonce    [nonceSize]byte
}

func newSessionProver(random io.Reader, secret, exporter []byte) (*sessionProver, error) {
	p := &sessionProver{secret: secret, exporter: exporter}
	if _, err := io.ReadFull(random, p.nonce[:]); err != nil {
		return nil, fmt.Errorf("drawing a nonce: %w", err)
	}
	return p, nil
}

func (p *sessionProver) share() []byte { return p.nonce[:] }

func (p *sessionProver) prove(d, l helloBody, _ side) (macs, error) {
	if len(d.share) != nonceSize || len(l.share) != nonceSize {
		return macs{}, cpace.ErrShare
	}
	if bytes.Equal(d.share, l.share) {
		return macs{}, errReflected
	}
	mac := func(who string) [macSize]byte {
		h := hmac.New(sha512.New, p.secret)
		h.Write(cpace.AppendLV(nil, []byte("ferry session proof"), []byte(who), p.exporter, d.body, l.body))
		return [macSize]byte(h.Sum(nil))
	}
	return macs{dialler: mac("dialler"), listener: mac("listener")}, nil
}

func otherRole(r Role) Role {
	if r == framing.RoleSender {
		return framing.RoleReceiver
	}
	return framing.RoleSender
}
