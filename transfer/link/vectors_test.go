package link

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"flag"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/framing/vector"
	"ferry/transfer/link/cpace"
)

var update = flag.Bool("update", false, "write the vectors of testdata again")

// The vectors of the handshake that PROTOCOL.md, section 10, describes. They were
// checked against a program that was written from PROTOCOL.md alone.
const (
	codeVectors    = "../../testdata/handshake/code.txt"
	sessionVectors = "../../testdata/handshake/session.txt"
	typedVectors   = "../../testdata/handshake/typed.txt"
)

// count returns n bytes that count up from first.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// frameOf is a whole frame.
func frameOf(t *testing.T, typ framing.Type, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := framing.NewWriter(&b).WriteFrame(typ, body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exchange is what a vector of method 1 is made from.
type exchange struct {
	name             string
	code             string
	dialler          Role
	near, far        uint64 // capabilities of the dialler and of the listener
	extra            []byte // behind the dialler's HELLO, as a later version may have
	exporter         []byte
	scalarD, scalarL []byte
}

func TestCodeVectors(t *testing.T) {
	low, high := count(0x01, 32), count(0x80, 32)
	all := []exchange{
		{name: "the sender dials", code: "7-copper-violin-meadow", dialler: Sender, exporter: count(0, 32), scalarD: low, scalarL: high},
		{name: "the receiver dials, with capabilities and fields that are not known", code: "999-Tr0ub4dor&3", dialler: Receiver,
			near: 1<<63 | 1<<9 | 9, far: 8, extra: []byte{0x5a, 0x00, 0xff}, exporter: count(0xe0, 32), scalarD: high, scalarL: low},
		{name: "the shortest code", code: "1-abcd", dialler: Sender, near: 9, far: 9, exporter: bytes.Repeat([]byte{0xff}, 32), scalarD: low, scalarL: high},
		{name: "a code that leaves no room for padding", code: "1-" + strings.Repeat("x", 126), dialler: Receiver, exporter: make([]byte, 32), scalarD: low, scalarL: high},
	}
	var stanzas []vector.Stanza
	for _, x := range all {
		stanzas = append(stanzas, x.stanza(t))
	}
	vector.Compare(t, codeVectors, "The proof of a code, method 1.\n", stanzas, *update)
}

// stanza runs the exchange: both sides of it, which have to agree.
func (x exchange) stanza(t *testing.T) (s vector.Stanza) {
	t.Helper()
	c, err := ParseCode(x.code)
	if err != nil {
		t.Fatal(err)
	}
	ci := channelID(x.dialler)
	side := func(scalar []byte) *codeProver {
		p, err := newCodeProver(bytes.NewReader(scalar), c, x.dialler, x.exporter)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	d, l := side(x.scalarD), side(x.scalarL)
	hello := func(role Role, caps uint64, p *codeProver, extra []byte) helloBody {
		h := framing.Hello{MinVersion: 1, MaxVersion: 1, Role: role, Purpose: framing.PurposeNew, Method: framing.MethodCode, Capabilities: caps, Share: p.share()}
		return helloBody{body: append(h.Append(nil), extra...), share: p.share()}
	}
	bodyD, bodyL := hello(x.dialler, x.near, d, x.extra), hello(otherRole(x.dialler), x.far, l, nil)
	m, err := d.prove(bodyD, bodyL, dialling)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := l.prove(bodyD, bodyL, listening); err != nil || n != m {
		t.Fatalf("%s: the two sides do not agree: %v", x.name, err)
	}
	id, secret, err := sessionKeys(d.isk)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.X25519().NewPrivateKey(x.scalarD)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := ecdh.X25519().NewPublicKey(l.share())
	if err != nil {
		t.Fatal(err)
	}
	k, err := key.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	g := cpace.Generator([]byte(c.Reveal()), ci, x.exporter)
	s.Add("name", x.name)
	s.Add("code", c.Reveal())
	s.AddNumber("dialler-role", uint64(x.dialler))
	s.AddBytes("exporter", x.exporter)
	s.AddBytes("ci", ci)
	s.AddBytes("g", g[:])
	s.AddBytes("dialler-scalar", x.scalarD)
	s.AddBytes("listener-scalar", x.scalarL)
	s.AddBytes("dialler-hello", frameOf(t, framing.TypeHello, bodyD.body))
	s.AddBytes("listener-hello", frameOf(t, framing.TypeHello, bodyL.body))
	s.AddBytes("k", k)
	s.AddBytes("isk", d.isk)
	s.AddBytes("dialler-proof", frameOf(t, framing.TypeProof, m.dialler[:]))
	s.AddBytes("listener-proof", frameOf(t, framing.TypeProof, m.listener[:]))
	s.AddBytes("session-id", id[:])
	s.AddBytes("session-secret", secret)
	return s
}

// The vectors of method 3: further streams of a link, and a link that is joined again.
func TestSessionVectors(t *testing.T) {
	secret, session := count(0x40, secretSize), [16]byte(count(0xa0, 16))
	var stanzas []vector.Stanza
	for _, x := range []struct {
		name    string
		dialler Role
		purpose framing.Purpose
		epoch   uint32
		stream  uint16
	}{
		{"a further stream", Sender, framing.PurposeStream, 0, 1},
		{"joined again", Sender, framing.PurposeRejoin, 1, 0},
		{"a further stream of the link that was joined again", Receiver, framing.PurposeStream, 7, 15},
	} {
		exporter := count(byte(x.stream), 32)
		side := func(nonce []byte) *sessionProver {
			p, err := newSessionProver(bytes.NewReader(nonce), secret, exporter)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		d, l := side(count(0x11, nonceSize)), side(count(0xc1, nonceSize))
		hello := func(role Role, p *sessionProver) helloBody {
			h := framing.Hello{MinVersion: 1, MaxVersion: 1, Role: role, Purpose: x.purpose, Method: framing.MethodSession, Capabilities: 9,
				Session: session, Epoch: x.epoch, Stream: x.stream, Share: p.share()}
			return helloBody{body: h.Append(nil), share: p.share()}
		}
		bodyD, bodyL := hello(x.dialler, d), hello(otherRole(x.dialler), l)
		m, err := d.prove(bodyD, bodyL, dialling)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := l.prove(bodyD, bodyL, listening); err != nil || n != m {
			t.Fatalf("%s: the two sides do not agree: %v", x.name, err)
		}
		var s vector.Stanza
		s.Add("name", x.name)
		s.AddBytes("session-secret", secret)
		s.AddBytes("exporter", exporter)
		s.AddBytes("dialler-hello", frameOf(t, framing.TypeHello, bodyD.body))
		s.AddBytes("listener-hello", frameOf(t, framing.TypeHello, bodyL.body))
		s.AddBytes("dialler-proof", frameOf(t, framing.TypeProof, m.dialler[:]))
		s.AddBytes("listener-proof", frameOf(t, framing.TypeProof, m.listener[:]))
		stanzas = append(stanzas, s)
	}
	vector.Compare(t, sessionVectors, "The proof of a session, method 3.\n", stanzas, *update)
}

// What a person types for a code, and what it stands for.
func TestTypedVectors(t *testing.T) {
	var stanzas []vector.Stanza
	for _, typed := range []string{
		"7-copper-violin-meadow", " 7 Copper\t VIOLIN\u00a0meadow\n", "7\u2003copper\u0085violin", "7--copper", "7 - copper",
		"room-p@ss!", "1-abc", "1-abcd", "-abcdef", "abcdef-", "a-----", "abcdefgh", "", "7-größe", "\u212aelvin-x", "7-İstanbul", "7-abc\x00def", "7-abc\x7fdef",
		"9-" + strings.Repeat("X", 126), "9-" + strings.Repeat("x", 127), "7-\xffabcd",
	} {
		var s vector.Stanza
		s.Add("typed", hex.EncodeToString([]byte(typed)))
		c, err := ParseCode(typed)
		if err != nil {
			s.Add("expect", "none")
		} else {
			s.Add("expect", "ok")
			s.Add("code", c.Reveal())
		}
		stanzas = append(stanzas, s)
	}
	vector.Compare(t, typedVectors, "What is typed for a code, in UTF-8, and the code that it stands for.\n", stanzas, *update)
}
