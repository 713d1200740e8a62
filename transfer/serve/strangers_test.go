package serve

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"ferry/transfer/link"
)

// Whoever comes and proves nothing is counted, and his address told: who says nothing, who
// speaks something else, who speaks TLS only, who comes with a code where there is none.
func TestStrangersCounted(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// Each is seen before the next comes.
	said := func(what string, from net.Addr) {
		t.Helper()
		e := r.events.until(t, func(e Event) bool {
			no, ok := e.(Refusal)
			return ok && (from == nil || no.Peer == from.String())
		}).(Refusal)
		if e.Cause != CauseStranger || e.Peer == "" {
			t.Errorf("%s: refused as %v, from %q", what, e.Cause, e.Peer)
		}
	}
	c := dial()
	_ = c.Close()
	said("silence", c.LocalAddr())
	c = dial()
	if _, err := c.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	said("a browser", c.LocalAddr())
	_ = c.Close()
	c = dial()
	if err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Log("the handshake of another program went well")
	}
	_ = c.Close()
	said("TLS alone", c.LocalAddr())
	code, err := link.ParseCode("7-copper-violin-meadow")
	if err != nil {
		t.Fatal(err)
	}
	if l, err := link.Dial(t.Context(), r.addr, link.Config{Role: link.Sender, Code: code}, 0); err == nil {
		_ = l.Close()
		t.Error("a code let somebody in")
	}
	eventually(t, "not all are counted", func() bool { return numbers(t, r.server)[`ferry_refused_total{cause="stranger"}`] >= 4 })
	if _, err := r.put(newSigner(t), "", t.TempDir()); err == nil {
		t.Error("an unknown key let somebody in")
	}
	no := r.events.until(t, func(e Event) bool { no, ok := e.(Refusal); return ok && no.Cause == CauseKey }).(Refusal)
	if !strings.HasPrefix(no.Peer, "127.0.0.1:") {
		t.Errorf("a key was refused from %q", no.Peer)
	}
}

// A code that was guessed at until it is worth nothing is told.
func TestBurntTold(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.server.heard(link.Event{Kind: link.EventBurnt, Err: link.ErrBurnt})
	r.events.until(t, func(e Event) bool { b, ok := e.(Burnt); return ok && errors.Is(b.Err, link.ErrBurnt) })
}
