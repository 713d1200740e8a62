package link

import (
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"

	"ferry/framing"
)

// padding is the body of the largest PAD of an early build.
func padding() []byte {
	body := make([]byte, framing.Limit(framing.TypePad))
	body[0], body[1] = 0x0f, 0xfd
	return body
}

// An early build sends PAD behind OFFER. This side sees nothing of it but that
// somebody is there.
func TestPadsArePassedOver(t *testing.T) {
	a, b, err := Pipe(Config{Role: Sender}, Config{Role: Receiver})
	if err != nil {
		t.Fatal(err)
	}
	var sent error
	for range 10 {
		sent = errors.Join(sent, a.Stream(0).Send(false, framing.TypePad, padding()))
	}
	credit := framing.Credit{Bytes: 7}
	if err := errors.Join(sent, a.Stream(0).Send(true, framing.TypeCredit, credit.Append(nil))); err != nil {
		t.Fatal(err)
	}
	if typ, n, err := b.Stream(0).Next(); typ != framing.TypeCredit || n != 4 || err != nil {
		t.Errorf("%v of %d bytes, %v", typ, n, err)
	}
	if heard := b.tally.heard.Load(); heard > 64 {
		t.Errorf("%d bytes that say something", heard)
	}
	a.Abort(nil)
	_, _ = a.Close(), b.Close()
}

// PAD belongs on stream 0.
func TestPadOnAnotherStream(t *testing.T) {
	a, b, err := Pipe(Config{Role: Sender}, Config{Role: Receiver})
	if err := errors.Join(err, a.Grow(t.Context(), 2), b.Grow(t.Context(), 2)); err != nil {
		t.Fatal(err)
	}
	if err := a.Stream(1).Send(true, framing.TypePad, padding()); err != nil {
		t.Fatal(err)
	}
	_, _, err = b.Stream(1).Next()
	wantCode(t, "Next", err, framing.CodeProtocol)
	a.Abort(nil)
	_, _ = a.Close(), b.Close()
}

// An early build that has much to send puts up to maxPads PADs between its HELLO and
// its PROOF. A connection without proof sends no more of them, and none before.
func TestPadsOfStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		early bool // before HELLO
		pads  int
		fine  bool
	}{
		"as many as may be": {false, maxPads, true},
		"one too many":      {false, maxPads + 1, false},
		"before HELLO":      {true, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				s := stranger(t, inner.dial)
				p, err := newCodeProver(rand.Reader, code(t, "7-right"), Sender, s.exporter)
				if err != nil {
					t.Fatal(err)
				}
				hello := newHelloFor(Sender)
				hello.Share = p.share()
				own := helloBody{body: hello.Append(nil), share: hello.Share}
				if !c.early {
					if err := s.send(framing.TypeHello, own.body); err != nil {
						t.Fatal(err)
					}
				}
				for range c.pads {
					if err := s.send(framing.TypePad, padding()); err != nil {
						t.Fatal(err)
					}
				}
				_, theirs, err := readHello(s, Sender)
				if c.early {
					wantCode(t, "refusal", err, framing.CodeProtocol)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m, err := p.prove(own, theirs, dialling)
				if err != nil {
					t.Fatal(err)
				}
				proof := framing.Proof{MAC: m.dialler}
				_ = s.send(framing.TypeProof, proof.Append(nil)) // it may be refused by now
				if _, err = readProof(s); c.fine && err != nil {
					t.Error(err)
				} else if !c.fine {
					wantCode(t, "refusal", err, framing.CodeProtocol)
				}
				_ = l.Close()
			})
		})
	}
}
