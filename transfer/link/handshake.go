package link

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"ferry/framing"
	"ferry/transfer/link/record"
)

// The ladder after TLS. The dialler is the side that guesses, so it confirms
// first, and learns whether its guess was right only from a listener that saw it:
//
//	dialler  HELLO ->          share or nonce, versions, role, purpose
//	         <- HELLO          the same of the listener, or REFUSE
//	         PROOF ->
//	         <- PROOF          or REFUSE

// newHello fills in what does not depend on the purpose.
func newHello(c *Config, share []byte) framing.Hello {
	return framing.Hello{
		MinVersion: framing.Version, MaxVersion: framing.Version,
		Role: c.Role, Capabilities: c.Capabilities | framing.CapSealed, Share: share,
	}
}

// readHello reads the peer's HELLO and checks what holds for every purpose. On
// CodeVersion and ErrSameRole the HELLO was well-formed as far as it goes.
func readHello(c *channel, own Role) (framing.Hello, helloBody, error) {
	body, err := c.expect(framing.TypeHello)
	if err != nil {
		return framing.Hello{}, helloBody{}, err
	}
	h, err := framing.ParseHello(body)
	if err != nil {
		return h, helloBody{}, err
	}
	if h.Role == own {
		return h, helloBody{}, protocolError("handshake", ErrSameRole)
	}
	return h, helloBody{body: body, share: h.Share}, nil
}

// dialHandshake is the dialler's half: hello is all but the share. confirmed
// tells that our PROOF is out, and with it one guess of whoever is there.
func dialHandshake(c *channel, hello framing.Hello, p prover) (peer framing.Hello, confirmed bool, err error) {
	hello.Share = p.share()
	own := helloBody{body: hello.Append(nil), share: hello.Share}
	sent := time.Now()
	if err := c.send(framing.TypeHello, own.body); err != nil {
		return peer, false, err
	}
	if err := c.patient(); err != nil {
		return peer, false, err
	}
	peer, theirs, err := readHello(c, hello.Role)
	if err != nil {
		return peer, false, err
	}
	if err := c.raw.SetReadDeadline(c.until); err != nil {
		return peer, false, err
	}
	c.rtt = time.Since(sent)
	if peer.Purpose != hello.Purpose || peer.Method != hello.Method || peer.Session != hello.Session ||
		peer.Epoch != hello.Epoch || peer.Stream != hello.Stream {
		return peer, false, protocolError("handshake", errMismatch)
	}
	m, err := p.prove(own, theirs, dialling)
	if err != nil {
		return peer, false, protocolError("handshake", err)
	}
	proof := framing.Proof{MAC: m.dialler}
	if err := c.send(framing.TypeProof, proof.Append(nil)); err != nil {
		// The bytes may have left all the same.
		return peer, true, err
	}
	got, err := readProof(c)
	if err != nil {
		return peer, true, err
	}
	if !hmac.Equal(got[:], m.listener[:]) {
		return peer, true, protocolError("handshake", errMAC)
	}
	return peer, true, nil
}

// patient limits the time for the answer to a HELLO that proves a code. A listener
// that is guessed at has those who call wait, and the newest goes first: so it is
// better to call again than to wait long. On a slow path all takes longer.
func (c *channel) patient() error {
	if !c.hurried {
		return nil
	}
	end := time.Now().Add(answerLimit + 3*c.shook)
	if end.After(c.until) {
		end = c.until
	}
	return c.raw.SetReadDeadline(end)
}

// readProof reads the peer's confirmation, to be compared by hmac.Equal.
func readProof(c *channel) ([macSize]byte, error) {
	body, err := c.expect(framing.TypeProof)
	if err != nil {
		return [macSize]byte{}, err
	}
	m, err := framing.ParseProof(body)
	return m.MAC, err
}

// answerHello is the listener's half up to its HELLO. It returns the
// confirmations that both sides owe now.
func answerHello(c *channel, cfg *Config, peer framing.Hello, theirs helloBody, p prover) (macs, error) {
	hello := newHello(cfg, p.share())
	hello.Purpose, hello.Method = peer.Purpose, peer.Method
	hello.Session, hello.Epoch, hello.Stream = peer.Session, peer.Epoch, peer.Stream
	own := helloBody{body: hello.Append(nil), share: hello.Share}
	// Before anything is answered: a bad share gets no HELLO.
	m, err := p.prove(theirs, own, listening)
	if err != nil {
		return macs{}, protocolError("handshake", err)
	}
	if err := c.send(framing.TypeHello, own.body); err != nil {
		return macs{}, err
	}
	return m, nil
}

// explain answers a HELLO that cannot work with our own, so that the other
// side can name both versions or roles, and ends the connection.
func explain(c *channel, cfg *Config, cause error) {
	if code := codeOf(cause); code == framing.CodeVersion || errors.Is(cause, ErrSameRole) {
		hello := newHello(cfg, nil)
		hello.Purpose, hello.Method = framing.PurposeNew, framing.MethodCode
		_ = c.w.WriteFrame(framing.TypeHello, hello.Append(nil)) // flushed with the refusal
	}
	c.refuse(wrap("handshake", cause).Code)
}

// newSession builds the link that a proven exchange of HELLOs for a new session
// stands for.
func newSession(c *channel, cfg *Config, peer framing.Hello, p *codeProver) (*Link, error) {
	id, secret, err := p.session()
	p.forget()
	if err != nil {
		return nil, err
	}
	l := &Link{
		cfg: *cfg, addr: addrOf(c.raw), session: id, secret: secret,
		version: min(framing.Version, peer.MaxVersion), caps: cfg.Capabilities & peer.Capabilities, seal: peer.Capabilities&framing.CapSealed != 0,
		pulse: record.NewPulse(), acks: make(chan struct{}, 1), done: make(chan struct{}), closed: make(chan struct{}),
		grown: make(chan struct{}), parked: map[int]*Stream{}, pause: firstPause, allowed: MaxStreams, rtt: c.rtt,
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.retry.Store(int64(max(0, cfg.RetryFor)))
	if err := l.add(0, c); err != nil {
		return nil, fmt.Errorf("first stream: %w", err)
	}
	l.start()
	return l, nil
}

// addrOf is for people and for dialling again; memory connections have a name.
func addrOf(c *record.Conn) string {
	if a := c.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}
