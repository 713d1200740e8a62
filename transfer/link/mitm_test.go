package link

import (
	"context"
	"crypto/rand"
	"net"
	"sync"
	"testing"

	"ferry/framing"
)

// Somebody in between who ends TLS on both sides and passes the frames on: both
// sides notice, although both know the right code.
func TestRelayingProxyFails(t *testing.T) {
	var mu sync.Mutex
	var wrong []Event
	l := listen(t, Config{Role: Receiver, Code: code(t, "7-right"), Notify: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, e)
	}})
	proxy := scripted(t, func(near *ladder) {
		far := stranger(t, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		})
		near.r.Restrict()
		far.r.Restrict()
		forward := func(from, to *ladder) bool {
			typ, _, err := from.r.Next()
			if err != nil {
				return false
			}
			body, err := from.r.Body()
			return err == nil && to.send(typ, body) == nil
		}
		for forward(near, far) && forward(far, near) {
		}
	})
	_, err := dialMemory(t, proxy, Config{Role: Sender, Code: code(t, "7-right")}, 0)
	wantCode(t, "dialler", err, framing.CodeCodeRefused)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(wrong) == 0 || wrong[0].Kind != EventRefused {
		t.Errorf("listener's events: %+v", wrong)
	}
}

// Somebody in between who plays the listener without the code: its one guess for
// each exchange is wrong.
func TestGuessingProxyFails(t *testing.T) {
	guesses := 0
	proxy := scripted(t, func(near *ladder) {
		peer, theirs, err := readHello(near, Receiver)
		if err != nil {
			return
		}
		p, err := newCodeProver(rand.Reader, code(t, "7-guess"), Sender, near.exporter)
		if err != nil {
			return
		}
		m, err := answerHello(near, &Config{Role: Receiver}, peer, theirs, p)
		if err != nil {
			return
		}
		got, err := readProof(near)
		if err != nil {
			return
		}
		guesses++
		if got == m.dialler {
			t.Error("the wrong code fits")
		}
		_ = near.send(framing.TypeProof, m.listener[:])
	})
	_, err := dialMemory(t, proxy, Config{Role: Sender, Code: code(t, "7-right")}, 1<<40)
	wantCode(t, "dialler", err, framing.CodeCodeRefused)
	if guesses != maxBroken {
		t.Errorf("%d guesses", guesses)
	}
}

// Roles are part of what is proved: who is told to be something else derives
// another key.
func TestRolesAreBound(t *testing.T) {
	exporter := make([]byte, exporterSize)
	a, err := newCodeProver(rand.Reader, code(t, "7-right"), Sender, exporter)
	if err != nil {
		t.Fatal(err)
	}
	for _, dialler := range []Role{Sender, Receiver} {
		b, err := newCodeProver(rand.Reader, code(t, "7-right"), dialler, exporter)
		if err != nil {
			t.Fatal(err)
		}
		d, l := helloBody{[]byte("d"), a.share()}, helloBody{[]byte("l"), b.share()}
		mine, err := a.prove(d, l, dialling)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := b.prove(d, l, listening)
		if err != nil {
			t.Fatal(err)
		}
		if same := mine == theirs; same != (dialler == Sender) {
			t.Errorf("dialler taken for %v: same confirmations %v", dialler, same)
		}
		if mine.dialler == mine.listener {
			t.Error("both sides confirm with the same bytes")
		}
	}
}
