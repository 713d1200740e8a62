package link

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/cpace"
)

// Who gives the turn back without an answer is blamed if others waited for it, however
// short that was: else one address that holds every turn for a little less than
// turnLease would keep all others out. A turn that nobody waited for costs nothing.
func TestTurnsGivenBackUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(code(t, hardCode))
		idle := source{named: "idle"}
		for _, wait := range []bool{false, true} {
			turn, err := g.begin(idle, time.Now(), time.Now().Add(time.Hour))
			if err != nil {
				t.Fatalf("a turn that nobody waited for is blamed: %v", err)
			}
			turn.asked = true
			if wait {
				go func() { _ = answerOf(g, source{named: "other"}, true) }()
				synctest.Wait()
			}
			time.Sleep(turnLease - time.Millisecond)
			g.end(turn)
		}
		wantCode(t, "one that others waited for", answerOf(g, idle, true), framing.CodeBusy)
		if g.wrong != 0 {
			t.Errorf("%d wrong answers", g.wrong)
		}
		g.close()
	})
}

// One address that holds its turns for less than turnLease, over several connections,
// and never answers keeps an honest sender out for no longer than one of them.
func TestOneHolderKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, hardCode)})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 70 * time.Millisecond)
				for ctx.Err() == nil {
					if conn, err := dialAs(inner, "holder")(ctx); err == nil {
						end := context.AfterFunc(ctx, func() { _ = conn.Close() })
						holdTurn(conn, turnLease-50*time.Millisecond)
						end()
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
		took, err := honestAs(t, l, dialAs(inner, "honest"), code(t, hardCode))
		if err != nil || took > 2*turnLease {
			t.Errorf("in after %v, %v", took, err)
		}
		cancel()
		wg.Wait()
		_ = l.Close()
	})
}

// holdTurn waits for a turn, holds it for so long, and leaves without an answer.
func holdTurn(conn net.Conn, d time.Duration) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(proofLimit))
	c, err := shake(conn)
	if err != nil {
		return
	}
	h := newHelloFor(Sender)
	h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
	if err := c.send(framing.TypeHello, h.Append(nil)); err != nil {
		return
	}
	if _, _, err := readHello(c, Sender); err == nil {
		time.Sleep(d)
	}
}
