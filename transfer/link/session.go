package link

import (
	"crypto/hkdf"
	"crypto/sha512"
	"fmt"

	"ferry/framing"
)

// session is what both sides know of each other once the code, or their keys, are proven. It does not
// change.
type session struct {
	id      [16]byte // names the session to its two ends
	secret  []byte   // proves further connections
	role    Role     // of this side
	offers  uint64   // framing.Cap bits of this side
	caps    uint64   // those that both sides have
	version uint16   // of the protocol, in force
	sealed  bool     // both sides seal their records
	near    bool     // the other side is on this machine
	who     any      // whom the peer's key belongs to, at the listener
	key     string   // that the peer proved, likewise; empty: it proved the code
}

// founder has proved what a session is made from, and wipes it then.
type founder interface {
	found(cfg *Config, peer framing.Hello) (session, error)
}

func (p *codeProver) found(cfg *Config, peer framing.Hello) (session, error) {
	defer p.forget()
	return newSession(cfg, peer, p.exporter, p.isk)
}

// newSession takes what a proven exchange of HELLOs for a new session came to: all follows
// from isk.
func newSession(cfg *Config, peer framing.Hello, exporter, isk []byte) (session, error) {
	own := cfg.machine.OnConnection(exporter)
	s := session{
		role: cfg.Role, offers: cfg.Capabilities, caps: cfg.Capabilities & peer.Capabilities,
		version: min(framing.Version, peer.MaxVersion), sealed: peer.Capabilities&framing.CapSealed != 0,
		near: own == peer.Machine && own != [len(own)]byte{},
	}
	var err error
	s.id, s.secret, err = sessionKeys(isk)
	return s, err
}

// sessionKeys derives what further streams and a rejoin are named and proved by.
func sessionKeys(isk []byte) (id [16]byte, secret []byte, err error) {
	b, err := hkdf.Key(sha512.New, isk, nil, "ferry session id", len(id))
	if err != nil {
		return id, nil, fmt.Errorf("deriving the session id: %w", err)
	}
	secret, err = hkdf.Key(sha512.New, isk, nil, "ferry session secret", secretSize)
	if err != nil {
		return id, nil, fmt.Errorf("deriving the session secret: %w", err)
	}
	return [16]byte(b), secret, nil
}

// hello is the HELLO of a further connection of the session, without its nonce.
func (s *session) hello(purpose framing.Purpose, epoch uint32, number int) framing.Hello {
	hello := newHello(s.role, s.offers)
	hello.Purpose, hello.Method = purpose, framing.MethodSession
	hello.Session, hello.Epoch, hello.Stream = s.id, epoch, uint16(number)
	return hello
}
