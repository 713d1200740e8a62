package link

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"ferry/framing"
	"ferry/transfer/link/cpace"
)

// keyProver proves long-term keys. Each side signs
//
//	lv_cat("ferry key proof", "listener" or "dialler", exporter, both HELLO bodies)
//
// the dialler's body first. The exporter is of this connection, and the bodies have a nonce
// of each side: a signature proves nothing anywhere else. The session is made from another
// exporter. Its secret proves, as that of any session, that the listener has let the dialler
// in: the dialler's key is told before, and that it was refused would be told likewise.
type keyProver struct {
	exporter, seed []byte
	nonce          [nonceSize]byte
	// Of the dialler, once the listener knows it.
	who any
	key string
}

// newKeyProver takes the seed of the session beside the exporter. All that it does follows
// from its arguments.
func newKeyProver(random io.Reader, seed, exporter []byte) (*keyProver, error) {
	p := &keyProver{exporter: exporter, seed: seed}
	if _, err := io.ReadFull(random, p.nonce[:]); err != nil {
		return nil, fmt.Errorf("drawing a nonce: %w", err)
	}
	return p, nil
}

func (p *keyProver) share() []byte { return p.nonce[:] }

// message is what the side named by who signs.
func (p *keyProver) message(who side, d, l helloBody) []byte {
	name := "dialler"
	if who == listening {
		name = "listener"
	}
	return cpace.AppendLV(nil, []byte("ferry key proof"), []byte(name), p.exporter, d.body, l.body)
}

// fresh looks at the nonces.
func (p *keyProver) fresh(d, l helloBody) error {
	switch {
	case len(d.share) != nonceSize || len(l.share) != nonceSize:
		return cpace.ErrShare
	case bytes.Equal(d.share, l.share):
		return errReflected
	}
	return nil
}

// admitted is the listener's last word: its PROOF under the secret of the session.
func (p *keyProver) admitted(d, l helloBody) ([macSize]byte, error) {
	_, secret, err := sessionKeys(p.seed)
	if err != nil {
		return [macSize]byte{}, err
	}
	defer clear(secret)
	m, err := (&sessionProver{secret: secret, exporter: p.exporter}).prove(d, l, listening)
	return m.listener, err
}

func (p *keyProver) found(cfg *Config, peer framing.Hello) (session, error) {
	defer clear(p.seed)
	s, err := newSession(cfg, peer, p.exporter, p.seed)
	s.who, s.key = p.who, p.key
	return s, err
}

// sign makes the KEYPROOF of key's side.
func (p *keyProver) sign(ctx context.Context, key Signer, who side, d, l helloBody) ([]byte, error) {
	m := framing.KeyProof{Key: key.Key()}
	var err error
	if m.Signature, err = key.Sign(ctx, p.message(who, d, l)); err != nil {
		return nil, fmt.Errorf("signing with a key: %w", err)
	}
	body := m.Append(nil)
	if len(m.Key) > framing.MaxKey || len(m.Signature) > framing.MaxSignature || len(body) > framing.Limit(framing.TypeKeyProof) {
		return nil, errKeySize
	}
	return body, nil
}

// read reads the KEYPROOF of the other side, and returns the key that it proves.
func (p *keyProver) read(c *ladder, keys *Keys, who side, d, l helloBody) (key []byte, err error) {
	body, err := c.expect(framing.TypeKeyProof)
	if err != nil {
		return nil, err
	}
	m, err := framing.ParseKeyProof(body)
	if err != nil {
		return nil, err
	}
	if err := keys.Verify(m.Key, p.message(who, d, l), m.Signature); err != nil {
		return nil, &badKeyError{err}
	}
	return m.Key, nil
}

// badKeyError is a KEYPROOF that does not prove its key.
type badKeyError struct{ err error }

func (e *badKeyError) Error() string   { return errKeyProof.Error() + ": " + e.err.Error() }
func (e *badKeyError) Unwrap() []error { return []error{errKeyProof, e.err} }
