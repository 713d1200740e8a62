package link

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"ferry/framing"
)

// slowAnswer is how long Keys.Known may take for the connection to be used still: it has 20 s
// in all, and a person may have to touch a key yet.
const slowAnswer = 5 * time.Second

// keyStep is what comes after a connection that proved no key.
type keyStep uint8

const (
	keyAgain keyStep = iota // the same key, as after any failure
	keyNext                 // the host refused the key, or it cannot sign: there is another
	keyAsked                // nothing failed, but a person was asked for too long
	keyOver                 // no further connection would help
)

// keyring is where a dialler stands with its keys.
type keyring struct {
	at    int           // of Keys.Own: what is shown next
	shown int           // keys that the host refused
	step  keyStep       // after the connection before
	asked time.Duration // that Known took, if the connection was given up for that
	slow  bool          // it was given up before
}

// next goes on to the next key because of err, which is about the one before. It returns the
// error of the connection.
func (k *keyring) next(own []Signer, err error) error {
	if k.at++; k.at < min(len(own), maxOwn) {
		k.step = keyNext
		return err
	}
	k.step = keyOver
	if k.shown == 0 {
		return &Error{Code: framing.CodeCodeRefused, Op: "dial", Err: bare(err)}
	}
	return &Error{Code: framing.CodeCodeRefused, Op: "dial", Err: fmt.Errorf("%w (%d shown): %w", ErrKeysRefused, k.shown, bare(err))}
}

// proveKey proves the next key on c, after the host has proved its own. shown tells that the
// host was told the key.
func (d *dialler) proveKey(ctx context.Context, c *ladder) (l *Link, shown bool, err error) {
	own := d.cfg.Keys.Own
	signer := own[d.keys.at]
	seed, err := c.sessionSeed()
	if err != nil {
		return nil, false, err
	}
	p, err := newKeyProver(rand.Reader, seed, c.exporter)
	if err != nil {
		return nil, false, err
	}
	hello := newSessionHello(&d.cfg, framing.MethodKey, c.exporter)
	hello.Share = p.share()
	ours, peer, theirs, err := d.hostProof(c, hello, p)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithDeadline(ctx, c.until)
	defer cancel()
	proof, err := p.sign(ctx, signer, dialling, ours, theirs)
	if err != nil {
		return nil, false, d.keys.next(own, err)
	}
	if err := c.send(framing.TypeKeyProof, proof); err != nil {
		return nil, true, err
	}
	if err := d.admitted(c, p, ours, theirs); err != nil {
		return nil, true, err
	}
	cfg, keys := d.cfg, *d.cfg.Keys
	keys.Own = []Signer{signer} // what proves the link proves the one that begins anew
	cfg.Keys = &keys
	l, err = newLink(c, &cfg, peer, p, &d.way)
	return l, true, err
}

// hostProof is the ladder up to the key of the host, which is proved and known then.
func (d *dialler) hostProof(c *ladder, hello framing.Hello, p *keyProver) (ours helloBody, peer framing.Hello, theirs helloBody, err error) {
	c.r.Restrict(framing.TypeHello, framing.TypeKeyProof, framing.TypeProof, framing.TypeRefuse)
	ours, peer, theirs, err = dialHello(c, hello)
	if err == nil {
		if err = p.fresh(ours, theirs); err != nil {
			err = protocolError("handshake", err)
		}
	}
	var key []byte
	if err == nil {
		key, err = p.read(c, d.cfg.Keys, listening, ours, theirs)
	}
	var bad *badKeyError
	switch {
	case errors.As(err, &bad):
		return ours, peer, theirs, protocolError("handshake", fmt.Errorf("%w: %w", errHostProof, bad.err))
	case codeOf(err) == framing.CodeCodeRefused:
		// No key was shown, and who says so is nobody yet.
		return ours, peer, theirs, protocolError("handshake", errUnexpected)
	case declines(err):
		return ours, peer, theirs, &Error{Code: framing.CodeDeclined, Remote: true, Op: "handshake", Err: errNoKeys}
	case err != nil:
		return ours, peer, theirs, err
	}
	began := time.Now()
	if err := d.cfg.Keys.Known(key); err != nil {
		d.keys.step = keyOver
		return ours, peer, theirs, &Error{Code: framing.CodeCodeRefused, Op: "dial", Err: fmt.Errorf("%w: %w", ErrHostKey, err)}
	}
	if took := time.Since(began); took > slowAnswer && !d.keys.slow {
		d.keys.step, d.keys.asked, d.keys.slow = keyAsked, took, true
		return ours, peer, theirs, fmt.Errorf("the host's key was asked about for %v", took.Round(time.Second))
	}
	return ours, peer, theirs, nil
}

// admitted reads the host's word about our key.
func (d *dialler) admitted(c *ladder, p *keyProver, ours, theirs helloBody) error {
	want, err := p.admitted(ours, theirs)
	if err != nil {
		return err
	}
	got, err := readProof(c)
	var told *Error
	switch {
	case errors.As(err, &told) && told.Remote && told.Code == framing.CodeCodeRefused:
		d.keys.shown++
		return d.keys.next(d.cfg.Keys.Own, err)
	case errors.As(err, &told) && told.Remote && told.Code == framing.CodeDeclined:
		d.keys.step = keyOver
		return err
	case err != nil:
		return err
	case !hmac.Equal(got[:], want[:]):
		return protocolError("handshake", errMAC)
	}
	return nil
}
