package link

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"ferry/framing"
	"ferry/transfer/link/memory"
	"ferry/transfer/link/record"
)

// Once records are sealed nothing is left of what their keys were made from.
func TestNothingKeepsTheExporter(t *testing.T) {
	a, b, ladders := sessionOf(t, true)
	for _, c := range ladders {
		if c.tls != nil || c.r != nil || c.w != nil || !bytes.Equal(c.exporter, make([]byte, exporterSize)) {
			t.Error("the connection of TLS or its exporter is still there")
		}
	}
	closeBoth(t, a, b)
}

// A side that does not seal gets TLS records, and all works as well.
func TestLinkWithoutSealing(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		a, b, _ := sessionOf(t, sealed)
		for _, l := range []*Link{a, b} {
			if _, got := l.conns.stream(0).in.current().records.(*record.Sealed); got != sealed {
				t.Errorf("sealed: %v, want %v", got, sealed)
			}
		}
		body := bytes.Repeat([]byte("content "), 20000)
		carry(t, a, b, body)
		carry(t, b, a, body)
		closeBoth(t, a, b)
	}
}

// sessionOf makes a link in memory whose sides seal their records, or do not.
func sessionOf(t *testing.T, sealed bool) (a, b *Link, ladders [2]*ladder) {
	t.Helper()
	near, far := memory.Pair()
	conf, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	listened := make(chan *ladder, 1)
	go func() {
		c, err := openLadder(record.NewConn(far), conf, listening)
		if err != nil {
			t.Error(err)
		}
		listened <- c
	}()
	dialled, err := openLadder(record.NewConn(near), conf, dialling)
	if err == nil {
		err = dialled.raw.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	ladders = [2]*ladder{dialled, <-listened}
	var provers [2]*codeProver
	for i, c := range ladders {
		if provers[i], err = newCodeProver(rand.Reader, code(t, "7-right"), Sender, c.exporter); err != nil {
			t.Fatal(err)
		}
	}
	d, l := helloBody{[]byte("d"), provers[0].share()}, helloBody{[]byte("l"), provers[1].share()}
	peer := framing.Hello{MaxVersion: framing.Version}
	if sealed {
		peer.Capabilities = framing.CapSealed
	}
	var links [2]*Link
	for i, p := range provers {
		if _, err := p.prove(d, l, side(i)); err != nil {
			t.Fatal(err)
		}
		if links[i], err = newLink(ladders[i], &Config{Role: []Role{Sender, Receiver}[i]}, peer, p, nil); err != nil {
			t.Fatal(err)
		}
	}
	return links[0], links[1], ladders
}

// carry sends body from one link to the other.
func carry(t *testing.T, from, to *Link, body []byte) {
	t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- from.Stream(0).Send(true, framing.TypePack, body) }()
	if typ, n, err := to.Stream(0).Next(); err != nil || typ != framing.TypePack || n != len(body) {
		t.Fatalf("%v of %d bytes, %v", typ, n, err)
	}
	got, err := to.Stream(0).Body()
	if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}
