package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
)

// A peer with a key, at the listener. Nobody guesses keys, so there is no budget that burns:
// what strangers can cost is work. Each signature of this side follows a TLS handshake, which
// has a place among those without proof and costs more, and a source whose proofs fail is
// refused for a while.
//
//  1. HELLO of the dialler. Is there room, and may the source try?
//  2. HELLO and KEYPROOF of this side, in one flight.
//  3. KEYPROOF of the dialler. It is verified, and then Keys.Admit says who that is.
//  4. PROOF of this side, once a place is kept for the link.
func (l *Listener) admitKey(s *admission.Slot, c *ladder, peer framing.Hello, theirs helloBody) error {
	if code, why := l.roomFor(); code != framing.CodeNone {
		return l.turnAway(c, code, why)
	}
	if none := l.failures.Refused(s.Source); none != nil {
		c.refuse(none.Code)
		return refused(none)
	}
	seed, err := c.sessionSeed()
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	p, err := newKeyProver(rand.Reader, seed, c.exporter)
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	cfg := l.opposite(peer)
	own := answerTo(c, cfg, peer, p.share())
	ctx, cancel := context.WithDeadline(l.ctx, s.Born.Add(admission.ProofLimit))
	defer cancel()
	if err := l.showKey(ctx, c, p, theirs, own); err != nil {
		return err
	}
	answered := time.Now()
	if err := l.readKey(s, c, p, theirs, own); err != nil {
		return err
	}
	c.rtt = min(time.Since(answered), c.shook) // a person may have had to touch the key
	l.failures.Proved(s.Source)
	mac, err := p.admitted(theirs, own)
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	by := claim{from: s.Source, key: p.key}
	instead, code, err := l.seat(by)
	if err != nil {
		return l.turnAway(c, code, err)
	}
	l.slots.Exempt(s)
	link, err := l.welcome(c, cfg, peer, p, mac)
	l.publish(link, instead, by)
	return err
}

// showKey sends HELLO and KEYPROOF of this side.
func (l *Listener) showKey(ctx context.Context, c *ladder, p *keyProver, d, own helloBody) error {
	if err := p.fresh(d, own); err != nil { // a bad share gets no HELLO
		return l.turnAway(c, framing.CodeProtocol, err)
	}
	proof, err := p.sign(ctx, l.cfg.Keys.Host, listening, d, own)
	if err != nil {
		return l.turnAway(c, framing.CodeInternal, err)
	}
	if err := c.w.WriteFrame(framing.TypeHello, own.body); err != nil {
		return err
	}
	c.r.Restrict(framing.TypeKeyProof, framing.TypeRefuse)
	return c.send(framing.TypeKeyProof, proof)
}

// readKey reads KEYPROOF of the dialler, and notes in p whose it is.
func (l *Listener) readKey(s *admission.Slot, c *ladder, p *keyProver, d, own helloBody) error {
	key, err := p.read(c, l.cfg.Keys, dialling, d, own)
	var bad *badKeyError
	if errors.As(err, &bad) {
		l.failures.Failed(s.Source)
		return l.turnAway(c, framing.CodeCodeRefused, err)
	}
	if err != nil {
		return c.refuseViolation(err)
	}
	if p.who, err = l.cfg.Keys.Admit(key, c.raw.RemoteAddr()); err != nil {
		code := codeOf(err)
		if code != framing.CodeBusy && code != framing.CodeDeclined {
			code = framing.CodeCodeRefused
			l.failures.Failed(s.Source)
		}
		return l.turnAway(c, code, fmt.Errorf("%w: %w", ErrKeyRefused, bare(err)))
	}
	p.key = string(key)
	return nil
}

// roomFor is occupied for a peer whose key is not known yet: it may turn out to be that of
// any lost link.
func (l *Listener) roomFor() (framing.Code, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return framing.CodeGaveUp, errUnknown
	case l.seats.crowded():
		return framing.CodeBusy, errOccupied
	}
	return framing.CodeNone, nil
}

// seat keeps a place for a peer that has proved its key.
func (l *Listener) seat(by claim) (instead *seat, code framing.Code, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, framing.CodeGaveUp, errUnknown
	}
	instead, ok := l.seats.reserve(by)
	if !ok {
		return nil, framing.CodeBusy, errOccupied
	}
	return instead, framing.CodeNone, nil
}
