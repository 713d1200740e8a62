package link

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/cpace"
)

// One address that holds its turns for less than the lease of one, over several connections,
// and never answers keeps an honest sender out for no longer than one of them.
func TestOneHolderKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, hardCode)})
		const lease = 500 * time.Millisecond // for which a turn holds up all others
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 70 * time.Millisecond)
				for ctx.Err() == nil {
					if conn, err := dialAs(inner, "holder")(ctx); err == nil {
						end := context.AfterFunc(ctx, func() { _ = conn.Close() })
						holdTurn(conn, lease-50*time.Millisecond)
						end()
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
		took, err := honestAs(t, l, dialAs(inner, "honest"), code(t, hardCode))
		if err != nil || took > 2*lease {
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
	_ = conn.SetDeadline(time.Now().Add(admission.ProofLimit))
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
