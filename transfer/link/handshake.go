package link

import (
	"cmp"
	"crypto/hmac"
	"errors"
	"time"

	"ferry/framing"
)

// The ladder after TLS. The dialler is the side that guesses, so it confirms
// first, and learns whether its guess was right only from a listener that saw it:
//
//	dialler  HELLO ->          share or nonce, versions, role, purpose
//	         <- HELLO          the same of the listener, or REFUSE
//	         PROOF ->
//	         <- PROOF          or REFUSE

// newHello fills in what does not depend on the purpose. offers are this side's
// framing.Cap bits.
func newHello(own Role, offers uint64) framing.Hello {
	return framing.Hello{
		MinVersion: framing.Version, MaxVersion: framing.Version,
		Role: own, Capabilities: offers | framing.CapSealed,
	}
}

// newSessionHello is newHello for a new session on a connection with that exporter.
func newSessionHello(cfg *Config, method framing.Method, exporter []byte) framing.Hello {
	hello := newHello(cfg.Role, cfg.Capabilities)
	hello.Purpose, hello.Method = framing.PurposeNew, method
	hello.Machine = cfg.machine.OnConnection(exporter)
	return hello
}

// readHello reads the peer's HELLO and checks what holds for every purpose. On
// CodeVersion and ErrSameRole the HELLO was well-formed as far as it goes. With AnyRole for
// own the peer may have either.
func readHello(c *ladder, own Role) (framing.Hello, helloBody, error) {
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

// dialHandshake is the dialler's half: hello is all but the share. confirmed tells that
// our PROOF is out, and with it one guess of whatever is there.
func dialHandshake(c *ladder, hello framing.Hello, p prover) (peer framing.Hello, confirmed bool, err error) {
	hello.Share = p.share()
	own, peer, theirs, err := dialHello(c, hello)
	if err != nil {
		return peer, false, err
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

// dialHello sends hello, and reads the answer.
func dialHello(c *ladder, hello framing.Hello) (own helloBody, peer framing.Hello, theirs helloBody, err error) {
	own = helloBody{body: hello.Append(nil), share: hello.Share}
	sent := time.Now()
	if err := c.send(framing.TypeHello, own.body); err != nil {
		return own, peer, theirs, err
	}
	if err := c.patient(); err != nil {
		return own, peer, theirs, err
	}
	if peer, theirs, err = readHello(c, hello.Role); err != nil {
		return own, peer, theirs, err
	}
	if err := c.raw.SetReadDeadline(c.until); err != nil {
		return own, peer, theirs, err
	}
	c.rtt = time.Since(sent)
	if peer.Purpose != hello.Purpose || peer.Method != hello.Method || peer.Session != hello.Session ||
		peer.Epoch != hello.Epoch || peer.Stream != hello.Stream {
		return own, peer, theirs, protocolError("handshake", errMismatch)
	}
	return own, peer, theirs, nil
}

// patient limits the time for the answer to a HELLO that proves a code. A listener that
// is guessed at has its callers wait, and the newest goes first. So it is better to call
// again than to wait long. On a slow path all takes longer.
func (l *ladder) patient() error {
	if !l.hurried {
		return nil
	}
	end := time.Now().Add(answerLimit + 3*l.shook)
	if end.After(l.until) {
		end = l.until
	}
	return l.raw.SetReadDeadline(end)
}

// readProof reads the peer's confirmation, to be compared by hmac.Equal.
func readProof(c *ladder) ([macSize]byte, error) {
	body, err := c.expect(framing.TypeProof)
	if err != nil {
		return [macSize]byte{}, err
	}
	m, err := framing.ParseProof(body)
	return m.MAC, err
}

// answerHello is the listener's half up to its HELLO. It returns the confirmations that
// both sides have to send now.
func answerHello(c *ladder, cfg *Config, peer framing.Hello, theirs helloBody, p prover) (macs, error) {
	own := answerTo(c, cfg, peer, p.share())
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

// answerTo makes the listener's HELLO.
func answerTo(c *ladder, cfg *Config, peer framing.Hello, share []byte) helloBody {
	hello := newHello(cfg.Role, cfg.Capabilities)
	if peer.Purpose == framing.PurposeNew {
		hello = newSessionHello(cfg, peer.Method, c.exporter)
	}
	hello.Purpose, hello.Method = peer.Purpose, peer.Method
	hello.Session, hello.Epoch, hello.Stream, hello.Share = peer.Session, peer.Epoch, peer.Stream, share
	return helloBody{body: hello.Append(nil), share: share}
}

// explain answers a HELLO that cannot work with our own, so that the other
// side can name both versions or roles, and ends the connection.
func explain(c *ladder, cfg *Config, cause error) {
	if code := codeOf(cause); code == framing.CodeVersion || errors.Is(cause, ErrSameRole) {
		hello := newHello(cmp.Or(cfg.Role, Receiver), cfg.Capabilities) // of another version nothing else is read
		hello.Purpose, hello.Method = framing.PurposeNew, framing.MethodCode
		_ = c.w.WriteFrame(framing.TypeHello, hello.Append(nil)) // flushed with the refusal
	}
	c.refuse(wrap("handshake", cause).Code)
}
