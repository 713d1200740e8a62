package link

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/framing/vector"
	"ferry/transfer/link/cpace"
)

// helloVectors are those that PROTOCOL.md, section 10, describes: a HELLO, and what the
// side that gets it does next.
const helloVectors = "../../testdata/handshake/hello.txt"

// heard is a HELLO that a side gets.
type heard struct {
	name   string
	to     string // a key of meet
	change func(*framing.Hello)
	expect string
}

// The sides of the vectors. A listener is a receiver, a dialler is a receiver too and
// has said a HELLO of purpose 1.
const (
	toNone    = "a listener without a session"
	toSession = "a listener with a session"
	toOnce    = "a listener with a session that is not joined again"
	toDialler = "a dialler"
	toKeys    = "a listener with keys, of either role"
)

// helloSession is the id of the session in the vectors, allowedStreams how many it
// allows. Its epoch is 0.
var helloSession = [16]byte(count(0xa0, 16))

const allowedStreams = 4

// basePoint is a share that is a point of the curve.
func basePoint() []byte { return append([]byte{9}, make([]byte, cpace.ShareSize-1)...) }

// heards are the vectors. What change leaves is a HELLO of a sender for a new session.
func heards() []heard {
	join := func(purpose framing.Purpose, epoch uint32, stream uint16) func(*framing.Hello) {
		return func(h *framing.Hello) {
			h.Purpose, h.Method, h.Session, h.Epoch, h.Stream = purpose, framing.MethodSession, helloSession, epoch, stream
		}
	}
	all := func(changes ...func(*framing.Hello)) func(*framing.Hello) {
		return func(h *framing.Hello) {
			for _, change := range changes {
				change(h)
			}
		}
	}
	sameRole := func(h *framing.Hello) { h.Role = Receiver }
	versions := func(h *framing.Hello) { h.MinVersion, h.MaxVersion = 2, 9 }
	share := func(b []byte) func(*framing.Hello) { return func(h *framing.Hello) { h.Share = b } }
	other := func(h *framing.Hello) { h.Session[15] ^= 1 }
	const stream, rejoin = framing.PurposeStream, framing.PurposeRejoin
	return []heard{
		{"a new session", toNone, all(), "hello"},
		{"a new session, of epoch 7", toNone, func(h *framing.Hello) { h.Epoch = 7 }, "hello"},
		{"a new session, by a key", toNone, func(h *framing.Hello) { h.Method = framing.MethodKey }, "refuse 48"},
		{"a new session, by a key, with no share", toNone, all(func(h *framing.Hello) { h.Method = framing.MethodKey }, share(nil)), "refuse 48"},
		{"a new session, of versions 2 to 9", toNone, versions, "hello, refuse 64"},
		{"a new session, of the same role", toNone, sameRole, "hello, refuse 65"},
		{"a new session, of versions 2 to 9 and the same role", toNone, all(versions, sameRole), "hello, refuse 64"},
		{"a new session, on stream 1", toNone, func(h *framing.Hello) { h.Stream = 1 }, "refuse 65"},
		{"a new session, of a session", toNone, func(h *framing.Hello) { h.Session = helloSession }, "refuse 65"},
		{"a new session, with the secret of one", toNone, func(h *framing.Hello) { h.Method = framing.MethodSession }, "refuse 65"},
		{"a share of 31 bytes", toNone, share(basePoint()[:31]), "refuse 65"},
		{"a share of 33 bytes", toNone, share(append(basePoint(), 0)), "refuse 65"},
		{"a share of 64 bytes", toNone, share(make([]byte, 64)), "refuse 65"},
		{"no share", toNone, share(nil), "refuse 65"},
		{"a share of 65 bytes", toNone, share(make([]byte, 65)), "refuse 65"},
		{"a share that is the point 0", toNone, share(make([]byte, 32)), "refuse 65"},
		{"a share that is the point 1", toNone, share(append([]byte{1}, make([]byte, 31)...)), "refuse 65"},
		{"a further stream of no session", toNone, join(stream, 0, 1), "refuse 48"},
		{"joining again no session", toNone, join(rejoin, 1, 0), "refuse 48"},
		{"a new session", toSession, all(), "refuse 50"},
		{"a new session, by a key", toSession, func(h *framing.Hello) { h.Method = framing.MethodKey }, "refuse 48"},
		{"stream 1", toSession, join(stream, 0, 1), "hello"},
		{"stream 3, with the lower ones missing", toSession, join(stream, 0, 3), "hello"},
		{"stream 4, which is not allowed", toSession, join(stream, 0, allowedStreams), "refuse 48"},
		{"stream 15, which is not allowed", toSession, join(stream, 0, 15), "refuse 48"},
		{"stream 16", toSession, join(stream, 0, 16), "refuse 65"},
		{"stream 65535", toSession, join(stream, 0, 65535), "refuse 65"},
		{"stream 0 as a further one", toSession, join(stream, 0, 0), "refuse 65"},
		{"stream 1 of another epoch", toSession, join(stream, 1, 1), "refuse 48"},
		{"stream 16 of another epoch", toSession, join(stream, 1, 16), "refuse 48"},
		{"stream 1 of another session", toSession, all(join(stream, 0, 1), other), "refuse 48"},
		{"stream 1 of the session zero", toSession, all(join(stream, 0, 1), func(h *framing.Hello) { h.Session = [16]byte{} }), "refuse 65"},
		{"stream 1, by a code", toSession, all(join(stream, 0, 1), func(h *framing.Hello) { h.Method = framing.MethodCode }), "refuse 65"},
		{"stream 1, of the same role", toSession, all(join(stream, 0, 1), sameRole), "hello, refuse 65"},
		{"stream 1, a nonce of 31 bytes", toSession, all(join(stream, 0, 1), share(make([]byte, 31))), "refuse 65"},
		{"joining again", toSession, join(rejoin, 1, 0), "hello"},
		{"joining again, epochs later", toSession, join(rejoin, 1<<32-1, 0), "hello"},
		{"joining again the epoch in force", toSession, join(rejoin, 0, 0), "refuse 50"},
		{"joining again with stream 1", toSession, join(rejoin, 1, 1), "refuse 65"},
		{"joining again the epoch in force with stream 1", toSession, join(rejoin, 0, 1), "refuse 50"},
		{"joining again another session", toSession, all(join(rejoin, 1, 0), other), "refuse 48"},
		{"joining again", toOnce, join(rejoin, 1, 0), "refuse 48"},
		{"stream 1", toOnce, join(stream, 0, 1), "hello"},
		{"the answer", toDialler, all(), "proof"},
		{"the answer of an early listener, with other capabilities", toDialler, func(h *framing.Hello) { h.Capabilities = 3 }, "proof"},
		{"versions 2 to 9", toDialler, versions, "close"},
		{"the same role", toDialler, sameRole, "close"},
		{"another purpose", toDialler, join(stream, 0, 1), "close"},
		{"another method", toDialler, func(h *framing.Hello) { h.Method = framing.MethodKey }, "close"},
		{"another epoch", toDialler, func(h *framing.Hello) { h.Epoch = 1 }, "close"},
		{"a share of 31 bytes", toDialler, share(basePoint()[:31]), "close"},
		{"no share", toDialler, share(nil), "close"},
		{"a share that is the point 0", toDialler, share(make([]byte, 32)), "close"},
	}
}

// heardByKeys are those to a listener with keys.
func heardByKeys() []heard {
	key := func(change func(*framing.Hello)) func(*framing.Hello) {
		return func(h *framing.Hello) {
			h.Method = framing.MethodKey
			change(h)
		}
	}
	return []heard{
		{"a new session, by a key", toKeys, key(func(*framing.Hello) {}), "hello, KEYPROOF"},
		{"a new session, by a key, of the other role", toKeys, key(func(h *framing.Hello) { h.Role = Receiver }), "hello, KEYPROOF"},
		{"a new session, by a key, of versions 2 to 9", toKeys, key(func(h *framing.Hello) { h.MinVersion, h.MaxVersion = 2, 9 }), "hello, refuse 64"},
		{"a new session, by a code", toKeys, func(*framing.Hello) {}, "refuse 48"},
		{"a nonce of 31 bytes", toKeys, key(func(h *framing.Hello) { h.Share = h.Share[:31] }), "refuse 65"},
		{"no nonce", toKeys, key(func(h *framing.Hello) { h.Share = nil }), "refuse 65"},
		{"a further stream of no session", toKeys, func(h *framing.Hello) {
			h.Purpose, h.Method, h.Session, h.Stream = framing.PurposeStream, framing.MethodSession, helloSession, 1
		}, "refuse 48"},
	}
}

// body is the HELLO of the vector, with the id that a session has in this process.
func (v *heard) body(session [16]byte) []byte {
	h := newHelloFor(Sender)
	h.Share = basePoint()
	v.change(&h)
	return bytes.Replace(h.Append(nil), helloSession[:], session[:], 1)
}

func TestHelloVectors(t *testing.T) {
	var stanzas []vector.Stanza
	for _, v := range append(heards(), heardByKeys()...) {
		var s vector.Stanza
		s.Add("name", v.name)
		s.Add("to", v.to)
		s.AddBytes("hello", frameOf(t, framing.TypeHello, v.body(helloSession)))
		s.Add("expect", v.expect)
		stanzas = append(stanzas, s)
		synctest.Test(t, func(t *testing.T) {
			answer := v.toListener
			if v.to == toDialler {
				answer = v.toOurDialler
			}
			if got := answer(t); got != v.expect {
				t.Errorf("%s, to %s: %s, want %s", v.name, v.to, got, v.expect)
			}
		})
	}
	vector.Compare(t, helloVectors, fmt.Sprintf(
		"What a receiver does with a HELLO. The session has the id %x, epoch 0, and %d streams that are\nallowed. The dialler has said a HELLO of purpose 1, method 1.\n",
		helloSession, allowedStreams), stanzas, *update)
}

// toListener says the HELLO to a real listener, and returns its answer.
func (v *heard) toListener(t *testing.T) string {
	cfg := Config{Role: Receiver, Code: code(t, "7-right")}
	switch v.to {
	case toSession:
		cfg.RetryFor = time.Minute
	case toKeys:
		cfg = Config{Keys: admitting(newTestKey(1), newTestKey(3))}
	}
	l, inner := memoryServer(t, cfg)
	defer l.Close()
	session := helloSession
	if v.to != toNone && v.to != toKeys {
		a, err := dialMemory(t, inner, Config{Role: Sender, Code: cfg.Code, RetryFor: cfg.RetryFor}, 0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.AllowStreams(allowedStreams)
		session = b.session.id
		defer func() {
			a.Abort(nil)
			b.Abort(nil)
			_, _ = a.Close(), b.Close()
		}()
	}
	c := stranger(t, inner.dial)
	defer c.raw.Close()
	c.r.Restrict(framing.TypeHello, framing.TypeProof, framing.TypeKeyProof, framing.TypeRefuse)
	if err := c.send(framing.TypeHello, v.body(session)); err != nil {
		t.Fatal(err)
	}
	return answerOf(t, c, framing.TypeProof)
}

// answerOf tells what comes on c: frames, or that it is closed. One of the type last is
// what nothing is read behind.
func answerOf(t *testing.T, c *ladder, last framing.Type) string {
	if err := c.raw.Conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	answer := ""
	for {
		typ, body, err := c.next()
		switch {
		case err != nil && answer == "":
			return "close"
		case err != nil: // it waits for us, or has closed
			return answer
		}
		if answer != "" {
			answer += ", "
		}
		switch typ {
		case framing.TypeHello:
			answer += "hello"
		case framing.TypeRefuse:
			answer += fmt.Sprintf("refuse %d", body[0])
		case last:
			return answer + "proof"
		default:
			return answer + typ.String()
		}
	}
}

// toOurDialler says the HELLO to a real dialler as the answer to its own.
func (v *heard) toOurDialler(t *testing.T) string {
	said := make(chan string, 1)
	inner := scripted(t, func(c *ladder) {
		if _, err := c.expect(framing.TypeHello); err != nil {
			return
		}
		_ = c.send(framing.TypeHello, v.body(helloSession))
		said <- answerOf(t, c, framing.TypeProof)
	})
	_, err := dialMemory(t, inner, Config{Role: Receiver, Code: code(t, "7-right")}, 0)
	if err == nil {
		t.Error("a link was made with a stranger")
	}
	_ = inner.Close()
	return <-said
}
