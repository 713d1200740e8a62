package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
)

// newKeyHello is a HELLO for keys, and what follows from it.
func newKeyHello(t *testing.T, c *ladder, role Role) (framing.Hello, *keyProver) {
	t.Helper()
	seed, err := c.sessionSeed()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newKeyProver(rand.Reader, seed, c.exporter)
	if err != nil {
		t.Fatal(err)
	}
	h := newHelloFor(role)
	h.Method, h.Share = framing.MethodKey, p.share()
	return h, p
}

// keyStranger dials inner and has said HELLO: the listener has shown its key.
func keyStranger(t *testing.T, inner *hall) (c *ladder, p *keyProver, ours, theirs helloBody) {
	t.Helper()
	c = stranger(t, inner.dial)
	_ = c.raw.Conn.SetDeadline(time.Now().Add(admission.ProofLimit))
	c.r.Restrict()
	h, p := newKeyHello(t, c, Sender)
	ours, _, theirs, err := dialHello(c, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.expect(framing.TypeKeyProof); err != nil {
		t.Fatal(err)
	}
	return c, p, ours, theirs
}

// Whatever a dialler says in place of its proof, nobody asks whose key it is, no link comes
// of it, and it is told a code.
func TestKeyListenerAgainstStrangers(t *testing.T) {
	host, client := newTestKey(1), newTestKey(3)
	proof := func(key, signature []byte) []byte {
		m := framing.KeyProof{Key: key, Signature: signature}
		return m.Append(nil)
	}
	for _, tc := range []struct {
		name string
		say  func(c *ladder, p *keyProver, d, l helloBody)
		want framing.Code
	}{
		{"the signature of another key", func(c *ladder, p *keyProver, d, l helloBody) {
			s, _ := newTestKey(4).Sign(t.Context(), p.message(dialling, d, l))
			_ = c.send(framing.TypeKeyProof, proof(client.Key(), s))
		}, framing.CodeCodeRefused},
		{"a signature of the listener's part", func(c *ladder, p *keyProver, d, l helloBody) {
			s, _ := client.Sign(t.Context(), p.message(listening, d, l))
			_ = c.send(framing.TypeKeyProof, proof(client.Key(), s))
		}, framing.CodeCodeRefused},
		{"a signature without the listener's HELLO", func(c *ladder, p *keyProver, d, _ helloBody) {
			s, _ := client.Sign(t.Context(), p.message(dialling, d, d))
			_ = c.send(framing.TypeKeyProof, proof(client.Key(), s))
		}, framing.CodeCodeRefused},
		{"a signature for another connection", func(c *ladder, p *keyProver, d, l helloBody) {
			p.exporter = make([]byte, exporterSize)
			s, _ := client.Sign(t.Context(), p.message(dialling, d, l))
			_ = c.send(framing.TypeKeyProof, proof(client.Key(), s))
		}, framing.CodeCodeRefused},
		{"bytes that are no key", func(c *ladder, _ *keyProver, _, _ helloBody) {
			_ = c.send(framing.TypeKeyProof, proof([]byte{0xff}, []byte{0}))
		}, framing.CodeCodeRefused},
		{"the longest key and signature", func(c *ladder, _ *keyProver, _, _ helloBody) {
			_ = c.send(framing.TypeKeyProof, proof(make([]byte, framing.MaxKey), make([]byte, 2000)))
		}, framing.CodeCodeRefused},
		{"the MAC of a session", func(c *ladder, p *keyProver, d, l helloBody) {
			mac, _ := p.admitted(d, l)
			_ = c.send(framing.TypeProof, mac[:])
		}, framing.CodeProtocol},
		{"another HELLO", func(c *ladder, _ *keyProver, d, _ helloBody) { _ = c.send(framing.TypeHello, d.body) }, framing.CodeProtocol},
		{"nothing in it", func(c *ladder, _ *keyProver, _, _ helloBody) { _ = c.send(framing.TypeKeyProof, []byte{0, 0}) }, framing.CodeProtocol},
		{"a length beyond the limit", func(c *ladder, _ *keyProver, _, _ helloBody) {
			_, _ = c.tls.Write([]byte{0, 0, 0x10, 1, byte(framing.TypeKeyProof)})
			_ = c.raw.Flush()
		}, framing.CodeProtocol},
		{"an offer", func(c *ladder, _ *keyProver, _, _ helloBody) { _ = c.send(framing.TypeOffer, make([]byte, 30)) }, framing.CodeProtocol},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := admitting(host, client)
				keys.Admit = func([]byte, net.Addr) (any, error) {
					t.Error("asked whose key it is")
					return nil, nil
				}
				l, inner := memoryServer(t, Config{Role: Receiver, Keys: keys})
				c, p, d, own := keyStranger(t, inner)
				tc.say(c, p, d, own)
				_, err := c.expect(framing.TypeProof)
				wantRemote(t, tc.name, err, tc.want)
				_ = c.raw.Close()
				_ = l.Close()
				if len(l.seats.taken)+l.seats.fresh > 0 {
					t.Error("it has a place")
				}
			})
		})
	}
}

// A dialler that proves its key before it has heard anything cannot know what to sign.
func TestKeyBeforeTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		l, inner := memoryServer(t, Config{Role: Receiver, Keys: admitting(host, client)})
		c := stranger(t, inner.dial)
		c.r.Restrict()
		h, p := newKeyHello(t, c, Sender)
		d := helloBody{h.Append(nil), h.Share}
		proof, err := p.sign(t.Context(), client, dialling, d, d)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.w.WriteFrame(framing.TypeHello, d.body)
		_ = c.send(framing.TypeKeyProof, proof)
		for _, typ := range []framing.Type{framing.TypeHello, framing.TypeKeyProof} {
			if _, err := c.expect(typ); err != nil {
				t.Fatal(err)
			}
		}
		_, err = c.expect(framing.TypeProof)
		wantRemote(t, "too early", err, framing.CodeCodeRefused)
		_ = c.raw.Close()
		_ = l.Close()
	})
}

// A recorded exchange is worth nothing on another connection, and neither is what the host
// itself signed.
func TestKeyReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		l, inner := memoryServer(t, Config{Role: Receiver, Keys: admitting(host, client, host), Links: 3})
		c, p, d, own := keyStranger(t, inner)
		proof, err := p.sign(t.Context(), client, dialling, d, own)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.send(framing.TypeKeyProof, proof); err != nil {
			t.Fatal(err)
		}
		if _, err := c.expect(framing.TypeProof); err != nil {
			t.Fatal(err)
		}
		first, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again, _, _, _ := keyStranger(t, inner)
		_ = again.send(framing.TypeKeyProof, proof)
		_, err = again.expect(framing.TypeProof)
		wantRemote(t, "replay", err, framing.CodeCodeRefused)

		mirror := stranger(t, inner.dial)
		mirror.r.Restrict()
		h, _ := newKeyHello(t, mirror, Sender)
		if _, _, _, err := dialHello(mirror, h); err != nil {
			t.Fatal(err)
		}
		back, err := mirror.expect(framing.TypeKeyProof)
		if err != nil {
			t.Fatal(err)
		}
		_ = mirror.send(framing.TypeKeyProof, back)
		_, err = mirror.expect(framing.TypeProof)
		wantRemote(t, "sent back", err, framing.CodeCodeRefused)
		_, _, _ = c.raw.Close(), again.raw.Close(), mirror.raw.Close()
		abort(first)
		_ = l.Close()
	})
}

// falseHost is a listener's side of a connection, played by hand: who is there once it has
// heard HELLO.
type falseHost struct {
	*ladder
	hello framing.Hello // that of its own, not sent yet
	p     *keyProver
	d, l  helloBody
}

// falseHosts plays them.
func falseHosts(t *testing.T, play func(*falseHost)) *hall {
	return scripted(t, func(c *ladder) {
		body, err := c.expect(framing.TypeHello)
		if err != nil {
			return
		}
		peer, err := framing.ParseHello(body)
		if err != nil {
			return
		}
		h := &falseHost{ladder: c, d: helloBody{body, peer.Share}}
		h.hello, h.p = newKeyHello(t, c, Receiver)
		h.l = helloBody{h.hello.Append(nil), h.hello.Share}
		play(h)
		_, _, _ = c.next()
	})
}

// shows says HELLO and a KEYPROOF over what change leaves.
func shows(key *testKey, who side, change func(h *falseHost)) func(*falseHost) {
	return func(h *falseHost) {
		said := h.l
		change(h)
		proof, _ := h.p.sign(context.Background(), key, who, h.d, h.l)
		_ = h.send(framing.TypeHello, said.body)
		_ = h.send(framing.TypeKeyProof, proof)
	}
}

// A listener that does not prove the host's key learns nothing of the dialler's, whatever it
// says.
func TestKeyDiallerAgainstStrangers(t *testing.T) {
	host, client := newTestKey(1), newTestKey(3)
	client.after = func() { t.Error("something was signed for a stranger") }
	longer := func(b *helloBody) { b.body = append(slices.Clone(b.body), 0) }
	for _, tc := range []struct {
		name string
		play func(*falseHost)
		want error
	}{
		{"another host", shows(newTestKey(2), listening, func(*falseHost) {}), ErrHostKey},
		{"the dialler's part", shows(host, dialling, func(*falseHost) {}), errHostProof},
		{"another connection", shows(host, listening, func(h *falseHost) { h.p.exporter = make([]byte, 32) }), errHostProof},
		{"another HELLO of ours", shows(host, listening, func(h *falseHost) { longer(&h.d) }), errHostProof},
		{"another HELLO of its own", shows(host, listening, func(h *falseHost) { longer(&h.l) }), errHostProof},
		{"the proof before HELLO", func(h *falseHost) {
			proof, _ := h.p.sign(context.Background(), host, listening, h.d, h.l)
			_ = h.send(framing.TypeKeyProof, proof)
		}, errUnexpected},
		{"a MAC in place of the proof", func(h *falseHost) {
			mac, _ := h.p.admitted(h.d, h.l)
			_ = h.send(framing.TypeHello, h.l.body)
			_ = h.send(framing.TypeProof, mac[:])
		}, errUnexpected},
		{"a refusal of a key that nobody showed", func(h *falseHost) { h.refuse(framing.CodeCodeRefused) }, errUnexpected},
		{"our HELLO in its role", func(h *falseHost) {
			h.hello.Share = h.d.share
			_ = h.send(framing.TypeHello, h.hello.Append(nil))
		}, errReflected},
		{"the method of the code", func(h *falseHost) {
			h.hello.Method = framing.MethodCode
			_ = h.send(framing.TypeHello, h.hello.Append(nil))
		}, errMismatch},
	} {
		inner := falseHosts(t, tc.play)
		_, err := dialMemory(t, inner, Config{Role: Sender, Keys: trusting(host, client)}, 0)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		_ = inner.Close()
	}
}

// A host that took our key and says anything but the right last word has no link with us.
func TestKeyDiallerAfterItsProof(t *testing.T) {
	host, client := newTestKey(1), newTestKey(3)
	for name, last := range map[string]func(c *ladder, mac [macSize]byte){
		"a wrong MAC":   func(c *ladder, mac [macSize]byte) { mac[7] ^= 1; _ = c.send(framing.TypeProof, mac[:]) },
		"its key again": func(c *ladder, _ [macSize]byte) { _ = c.send(framing.TypeKeyProof, []byte{1, 1, 1, 1}) },
		"nothing":       func(*ladder, [macSize]byte) {},
		"RESUME":        func(c *ladder, _ [macSize]byte) { _ = c.send(framing.TypeResume, make([]byte, 8)) },
	} {
		inner := scripted(t, func(c *ladder) {
			peer, theirs, err := readHello(c, Receiver)
			if err != nil {
				return
			}
			h, p := newKeyHello(t, c, Receiver)
			own := helloBody{h.Append(nil), h.Share}
			_ = peer
			proof, _ := p.sign(context.Background(), host, listening, theirs, own)
			_ = c.w.WriteFrame(framing.TypeHello, own.body)
			c.r.Restrict(framing.TypeKeyProof)
			_ = c.send(framing.TypeKeyProof, proof)
			if _, err := c.expect(framing.TypeKeyProof); err != nil {
				t.Error(name, err)
			}
			mac, _ := p.admitted(theirs, own)
			last(c, mac)
		})
		if _, err := dialMemory(t, inner, Config{Role: Sender, Keys: trusting(host, client)}, 0); err == nil {
			t.Errorf("%s: a link was made", name)
		}
		_ = inner.Close()
	}
}

// Somebody in between who ends TLS on both sides and passes the frames on has two exporters:
// the dialler sees a host that proves nothing, and shows no key.
func TestKeyProxyFails(t *testing.T) {
	host, client := newTestKey(1), newTestKey(3)
	client.after = func() { t.Error("something was signed for somebody in between") }
	_, behind := memoryServer(t, Config{Role: Receiver, Keys: admitting(host, client)})
	proxy := scripted(t, func(near *ladder) {
		far := stranger(t, behind.dial)
		near.r.Restrict()
		far.r.Restrict()
		forward := func(from, to *ladder) bool {
			typ, _, err := from.r.Next()
			if err != nil {
				return false
			}
			body, err := from.r.Body()
			return err == nil && to.send(typ, bytes.Clone(body)) == nil
		}
		_ = forward(near, far) && forward(far, near) && forward(far, near) && forward(near, far) && forward(far, near)
	})
	_, err := dialMemory(t, proxy, Config{Role: Sender, Keys: trusting(host, client)}, 0)
	if !errors.Is(err, errHostProof) {
		t.Errorf("the dialler: %v", err)
	}
}
