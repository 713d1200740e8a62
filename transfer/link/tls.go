package link

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"syscall"
	"time"

	"ferry/framing"
	"ferry/transfer/link/record"
)

const (
	alpn          = "ferry/1"
	exporterLabel = "EXPORTER-ferry-proof"
	exporterSize  = 32
)

// newTLSConfig makes a configuration for either side, with a key of its own
// that lives as long as the configuration.
func newTLSConfig() (*tls.Config, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a TLS key: %w", err)
	}
	// No date that a wrong clock could stumble over, no name: nobody reads it.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		return nil, fmt.Errorf("making a TLS certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{alpn},
		// Certificates prove nothing here and are not meant to: the proof that
		// follows is bound to this connection's exporter, which differs on each
		// side of anybody in between.
		InsecureSkipVerify:          true,
		ClientAuth:                  tls.RequireAnyClientCert,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // a frame goes out whole, so small first records only cost
		// What a stranger may choose is what is cheap to compute.
		CurvePreferences:      []tls.CurveID{tls.X25519MLKEM768, tls.X25519},
		VerifyPeerCertificate: cheapKey,
	}, nil
}

var errKeyKind = errors.New("a certificate with another key than Ed25519 or ECDSA over P-256")

// cheapKey comes before the other side's signature is verified. With a key of RSA, or
// over a larger curve, that takes longer than all the rest of an honest handshake.
func cheapKey(raw [][]byte, _ [][]*x509.Certificate) error {
	cert, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return fmt.Errorf("parsing a certificate: %w", err)
	}
	switch key := cert.PublicKey.(type) {
	case ed25519.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return nil
		}
	}
	return errKeyKind
}

// maxPads is how many PADs an early build may send on a connection without proof.
const maxPads = 16

// channel is one connection with TLS, before and after its proof.
type channel struct {
	raw      *record.Conn
	tls      *tls.Conn
	r        *framing.Reader
	w        *framing.Writer
	exporter []byte // bytes that only the two ends of this connection know
	// reading is held by who reads from tls. That has a lock of its own, but who
	// waits for a mutex is not seen to wait, and stops the clock of a simulation.
	reading chan struct{}
	side    side
	sealed  *record.Sealed // in the place of tls once it is proven; nil: TLS stays
	epoch   uint32         // of the link that it belongs to
	rtt     time.Duration  // of the proof, this side's work for it left out
	shook   time.Duration  // what the TLS handshake took
	until   time.Time      // the deadline of the ladder, at the dialler
	hurried bool           // the answer to HELLO is not waited for as long
	pads    int            // PADs of an early build that came before the proof
}

// openChannel runs the TLS handshake on raw, whose deadline the caller has set.
func openChannel(raw *record.Conn, conf *tls.Config, own side) (*channel, error) {
	conn := tls.Client(raw, conf)
	if own == listening {
		conn = tls.Server(raw, conf)
	}
	began := time.Now()
	err := raw.Handshake(conn.Handshake)
	took := time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	state := conn.ConnectionState()
	// A side that offers no ALPN at all gets past crypto/tls.
	if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != alpn || len(state.PeerCertificates) == 0 {
		return nil, errNotFerry
	}
	exporter, err := state.ExportKeyingMaterial(exporterLabel, nil, exporterSize)
	if err != nil {
		return nil, fmt.Errorf("TLS exporter: %w", err)
	}
	c := &channel{raw: raw, tls: conn, r: framing.NewReader(conn), w: framing.NewWriter(conn), exporter: exporter, side: own, shook: took, reading: make(chan struct{}, 1)}
	c.r.Restrict(framing.TypeHello, framing.TypeProof, framing.TypeRefuse, framing.TypePad)
	return c, nil
}

// Read reads what came. Two may call it at once: Close drains while the stream's
// reader still waits.
func (c *channel) Read(p []byte) (int, error) {
	c.reading <- struct{}{}
	defer func() { <-c.reading }()
	if c.sealed != nil {
		return c.sealed.Read(p)
	}
	return c.tls.Read(p)
}

// Write may keep p in a buffer until Flush. One at a time may call it, Flush or
// CloseWrite.
func (c *channel) Write(p []byte) (int, error) {
	if c.sealed != nil {
		return c.sealed.Write(p)
	}
	return c.tls.Write(p)
}

// seal has what follows go in sealed records, both ways, if TLS agreed on a cipher for
// that. Nothing may be under way.
func (c *channel) seal() error {
	s, err := record.Seal(c.raw, c.tls, c.side == dialling)
	if err != nil || s == nil {
		return err
	}
	c.sealed = s
	// TLS still has what the secrets were made from.
	c.tls, c.r, c.w = nil, nil, nil
	return nil
}

// Flush hands everything written so far to the kernel.
func (c *channel) Flush() error {
	if c.sealed != nil {
		return c.sealed.Flush()
	}
	return c.raw.Flush()
}

// CloseWrite sends what tells an orderly end from a cut, and FIN.
func (c *channel) CloseWrite() error {
	end := c.tls.CloseWrite
	if c.sealed != nil {
		end = c.sealed.CloseWrite
	}
	if err := end(); err != nil {
		return fmt.Errorf("ending the channel: %w", err)
	}
	if err := c.raw.Flush(); err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	// The other side may have taken the end, and closed, in between.
	if err := c.raw.CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

// send writes one frame and flushes.
func (c *channel) send(t framing.Type, body []byte) error {
	if err := c.w.WriteFrame(t, body); err != nil {
		return err
	}
	return c.raw.Flush()
}

// expect reads a frame that has to be of type t, or the peer's refusal. Up to maxPads
// PADs before PROOF are skipped. The body is the caller's own.
func (c *channel) expect(t framing.Type) ([]byte, error) {
	got, body, err := c.next()
	for err == nil && got == framing.TypePad && t == framing.TypeProof && c.pads < maxPads {
		c.pads++
		got, body, err = c.next()
	}
	if err != nil {
		return nil, err
	}
	switch got {
	case t:
		return append([]byte(nil), body...), nil
	case framing.TypeRefuse:
		m, err := framing.ParseRefuse(body)
		if err != nil {
			return nil, err
		}
		return nil, &Error{Code: m.Code, Remote: true, Op: "handshake"}
	}
	return nil, &framing.Error{Type: got, Code: framing.CodeProtocol, Err: errUnexpected}
}

func (c *channel) next() (framing.Type, []byte, error) {
	got, _, err := c.r.Next()
	if err != nil {
		return 0, nil, err
	}
	body, err := c.r.Body()
	return got, body, err
}

// refuseViolation refuses a peer that broke a rule, and returns err.
func (c *channel) refuseViolation(err error) error {
	if code := codeOf(err); code == framing.CodeProtocol {
		c.refuse(code)
	}
	return err
}

// refuse tells the peer why, as a fixed code. It is the last thing said, and
// the error that led here counts more than one of this.
func (c *channel) refuse(code framing.Code) {
	m := framing.Refuse{Code: code}
	_ = c.send(framing.TypeRefuse, m.Append(nil))
	_ = c.tls.CloseWrite()
	_ = c.raw.Flush()
}
