package link

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"ferry/framing"
	"ferry/transfer/link/record"
)

// maxPads is how many PADs an early build may send on a connection without proof.
const maxPads = 16

// ladder is a connection with TLS whose two ends have still to prove themselves. It
// belongs to one goroutine. handshake.go has its steps.
type ladder struct {
	raw      *record.Conn
	tls      *tls.Conn
	r        *framing.Reader
	w        *framing.Writer
	exporter []byte // bytes that only the two ends of this connection know
	side     side
	shook    time.Duration // what the TLS handshake took
	rtt      time.Duration // of the proof, this side's work for it left out
	pads     int           // PADs of an early build that came before the proof

	// At the dialler only.
	until   time.Time // the deadline of the whole ladder
	hurried bool      // the answer to HELLO is not waited for as long
}

// openLadder runs the TLS handshake on raw, whose deadline the caller has set.
func openLadder(raw *record.Conn, conf *tls.Config, own side) (*ladder, error) {
	conn := tls.Client(raw, conf)
	if own == listening {
		conn = tls.Server(raw, conf)
	}
	began := time.Now()
	err := raw.Handshake(conn.Handshake)
	took := time.Since(began)
	if err != nil && own == dialling && speaksOther(err) {
		return nil, fmt.Errorf("%w: TLS handshake: %w", ErrNotFerry, err)
	}
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
	l := &ladder{raw: raw, tls: conn, r: framing.NewReader(conn), w: framing.NewWriter(conn), exporter: exporter, side: own, shook: took}
	l.r.Restrict(framing.TypeHello, framing.TypeProof, framing.TypeRefuse, framing.TypePad)
	return l, nil
}

// speaksOther tells of a TLS handshake whether what the peer said rules out ferry: no TLS,
// an alert that a ferry does not send, or what breaks the rules, for which crypto/tls has no
// type. All else is about the connection.
func speaksOther(err error) bool {
	var op *net.OpError
	var late net.Error
	switch {
	case errors.As(err, &op):
		return op.Op == "remote error"
	case errors.As(err, &late):
		return !late.Timeout() // crypto/tls gives some of its own the form of these
	}
	return !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) &&
		!errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, os.ErrDeadlineExceeded)
}

// trip is the round trip of the connection: as the system has it, or else what the TLS
// handshake took.
func (l *ladder) trip() time.Duration {
	p := Path{MinRTT: l.shook}
	readPath(l.raw.Conn, &p)
	return p.MinRTT
}

// instance names who answered: see Listener.Instance.
func (l *ladder) instance() [8]byte { return instanceOf(l.tls.ConnectionState().PeerCertificates[0]) }

// send writes one frame and flushes.
func (l *ladder) send(t framing.Type, body []byte) error {
	if err := l.w.WriteFrame(t, body); err != nil {
		return err
	}
	return l.raw.Flush()
}

// expect reads a frame that has to be of type t, or the peer's refusal. Up to maxPads
// PADs before PROOF are skipped. The body is the caller's own.
func (l *ladder) expect(t framing.Type) ([]byte, error) {
	got, body, err := l.next()
	for err == nil && got == framing.TypePad && t == framing.TypeProof && l.pads < maxPads {
		l.pads++
		got, body, err = l.next()
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

func (l *ladder) next() (framing.Type, []byte, error) {
	got, _, err := l.r.Next()
	if err != nil {
		return 0, nil, err
	}
	body, err := l.r.Body()
	return got, body, err
}

// exchange says how much of a stream came here, and hears how much came there. It is
// the last step on a link of epoch 1 or more.
func (l *ladder) exchange(received uint64) (peer uint64, err error) {
	own := framing.Resume{Received: received}
	l.r.Restrict(framing.TypeResume)
	if err := l.send(framing.TypeResume, own.Append(nil)); err != nil {
		return 0, err
	}
	body, err := l.expect(framing.TypeResume)
	if err != nil {
		return 0, err
	}
	m, err := framing.ParseResume(body)
	return m.Received, err
}

// refuseViolation refuses a peer that broke a rule, and returns err.
func (l *ladder) refuseViolation(err error) error {
	if code := codeOf(err); code == framing.CodeProtocol {
		l.refuse(code)
	}
	return err
}

// refuse tells the peer why, as a fixed code. It is the last thing said, and the error
// that led here counts more than one of this.
func (l *ladder) refuse(code framing.Code) {
	m := framing.Refuse{Code: code}
	_ = l.send(framing.TypeRefuse, m.Append(nil))
	_ = l.tls.CloseWrite()
	_ = l.raw.Flush()
}

// sessionSeed is what a session is made from where nothing but the connection is secret.
func (l *ladder) sessionSeed() ([]byte, error) {
	state := l.tls.ConnectionState()
	seed, err := state.ExportKeyingMaterial(sessionLabel, nil, sessionSize)
	if err != nil {
		return nil, fmt.Errorf("TLS exporter: %w", err)
	}
	return seed, nil
}

// addrOf is for people and for dialling again; memory connections have a name.
func addrOf(c net.Conn) string {
	if a := c.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}
