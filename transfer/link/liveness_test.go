package link

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/memory"
)

// hole swallows what is written once it is open, as a network does that lost a
// route.
type hole struct {
	*memory.Conn
	open *atomic.Bool
}

func (h hole) Write(p []byte) (int, error) {
	if h.open.Load() {
		return len(p), nil
	}
	return h.Conn.Write(p)
}

// holed makes a link whose dialler's bytes can be made to vanish.
func holed(t *testing.T, timeout time.Duration) (dialled, accepted *Link, l *Listener, open *atomic.Bool) {
	t.Helper()
	open = new(atomic.Bool)
	l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right"), Timeout: timeout})
	d := newDialler(way{addr: "memory"}, Config{Role: Sender, Code: code(t, "7-right"), Timeout: timeout})
	d.connect = func(ctx context.Context, _ Want) (net.Conn, error) {
		c, err := inner.dial(ctx)
		if err != nil {
			return nil, err
		}
		return hole{c.(*memory.Conn), open}, nil
	}
	dialled, err := d.run(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted, l, open
}

// eachHoled runs a test over links of each kind, of which b can be made deaf by open.
func eachHoled(t *testing.T, timeout time.Duration, run func(t *testing.T, a, b *Link, open *atomic.Bool)) {
	t.Helper()
	t.Run("proven", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b, l, open := holed(t, timeout)
			run(t, a, b, open)
			_ = l.Close()
		})
	})
	t.Run("within", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			open := new(atomic.Bool)
			x, y := memory.Pair()
			a, b, err := withinOver(Config{Role: Sender, Timeout: timeout}, Config{Role: Receiver, Timeout: timeout}, hole{x, open}, y)
			if err != nil {
				t.Fatal(err)
			}
			run(t, a, b, open)
		})
	})
}

// read reads stream i of l until it ends.
func read(l *Link, i int) <-chan error {
	ended := make(chan error, 1)
	go func() {
		for {
			if _, _, err := l.Stream(i).Next(); err != nil {
				ended <- err
				return
			}
			if _, err := l.Stream(i).Body(); err != nil {
				ended <- err
				return
			}
		}
	}()
	return ended
}

func TestSilenceEndsALink(t *testing.T) {
	for _, tc := range []struct{ set, want time.Duration }{
		{0, DefaultTimeout},
		{time.Second, MinTimeout},
		{time.Minute, time.Minute},
	} {
		eachHoled(t, tc.set, func(t *testing.T, a, b *Link, open *atomic.Bool) {
			start := time.Now()
			aEnd, bEnd := read(a, 0), read(b, 0)
			open.Store(true)
			err := <-bEnd
			wantCode(t, "reader", err, framing.CodeTimeout)
			if took := time.Since(start); took != tc.want {
				t.Errorf("timeout %v: ended after %v, want %v", tc.set, took, tc.want)
			}
			wantCode(t, "Err", b.Err(), framing.CodeTimeout)
			wantCode(t, "Send", b.Stream(0).Send(true, framing.TypeBye, bye("x")), framing.CodeTimeout)
			wantCode(t, "the side that was heard no more", <-aEnd, framing.CodeLost)
			if err := b.Close(); codeOf(err) != framing.CodeTimeout {
				t.Errorf("Close = %v", err)
			}
			_ = a.Close()
		})
	}
}

// An idle link lives on, and heartbeats tell what the other side is doing.
func TestHeartbeatsKeepALink(t *testing.T) {
	eachHoled(t, 0, func(t *testing.T, a, b *Link, _ *atomic.Bool) {
		if _, ok := b.PeerState(); ok {
			t.Error("a state before the first heartbeat")
		}
		progress := uint64(0)
		a.SetState(func() (uint8, uint64) {
			progress++
			return uint8(framing.StateDisk), progress
		})
		aEnd, bEnd := read(a, 0), read(b, 0)
		time.Sleep(10*time.Minute + time.Second)
		if h, ok := b.PeerState(); !ok || h.State != framing.StateDisk || h.Progress != 120 {
			t.Errorf("after ten minutes: %+v, %v", h, ok)
		}
		if h, ok := a.PeerState(); !ok || h.State != framing.StateIdle {
			t.Errorf("a side without SetState: %+v, %v", h, ok)
		}
		if a.Err() != nil || b.Err() != nil {
			t.Errorf("%v, %v", a.Err(), b.Err())
		}
		closeBoth(t, a, b)
		for _, end := range []<-chan error{aEnd, bEnd} {
			if err := <-end; codeOf(err) != framing.CodeLost {
				t.Errorf("reader ended with %v", err)
			}
		}
	})
}

// Bytes of a frame that takes longer than the timeout keep a link alive, on
// whichever stream.
func TestSlowFrameIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, l, _ := holed(t, 0)
		if err := a.Grow(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if err := b.Grow(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		_, bEnd := read(a, 0), read(b, 1)
		// No heartbeat helps.
		a.SetState(func() (uint8, uint64) { <-a.Done(); return 0, 0 })
		c := a.conns.stream(1).in.current()
		head := []byte{0, 0, 0, 21, byte(framing.TypeData)}
		for _, x := range append(head, make([]byte, 20)...) {
			if _, err := c.Write([]byte{x}); err != nil {
				t.Fatal(err)
			}
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
		}
		if err := b.Err(); err != nil {
			t.Errorf("ended with %v although bytes came", err)
		}
		time.Sleep(11 * time.Second) // 31 s after the last byte
		wantCode(t, "after the last byte", <-bEnd, framing.CodeTimeout)
		a.Abort(nil)
		_, _ = a.Close(), b.Close()
		_ = l.Close()
	})
}

// After the proof the frames of the ladder, heartbeats on the wrong stream and
// states that do not exist are refused, and the link stays up to say so.
func TestRulesAfterProof(t *testing.T) {
	hb := framing.Heartbeat{State: framing.StateIdle}
	bad := framing.Heartbeat{State: 9}
	hello := newHelloFor(Sender)
	for name, tc := range map[string]struct {
		stream int
		typ    framing.Type
		body   []byte
	}{
		"HELLO":                      {0, framing.TypeHello, hello.Append(nil)},
		"PROOF":                      {0, framing.TypeProof, make([]byte, 64)},
		"REFUSE":                     {0, framing.TypeRefuse, []byte{1}},
		"heartbeat on stream 1":      {1, framing.TypeHeartbeat, hb.Append(nil)},
		"heartbeat of unknown state": {0, framing.TypeHeartbeat, bad.Append(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, err := Pipe(Config{Role: Sender}, Config{Role: Receiver})
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Grow(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			if err := b.Grow(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			if err := a.conns.stream(tc.stream).Send(true, tc.typ, tc.body); err != nil {
				t.Fatal(err)
			}
			_, _, err = b.conns.stream(tc.stream).Next()
			wantCode(t, "Next", err, framing.CodeProtocol)
			if _, _, again := b.conns.stream(tc.stream).Next(); again != err {
				t.Errorf("the error does not stick: %v", again)
			}
			sendBye(t, b.Stream(0), "you broke the rules")
			wantBye(t, a.Stream(0), "you broke the rules")
			closeBoth(t, a, b)
		})
	}
}

// A frame that the caller got wrong is the caller's error and nothing else.
func TestSendChecksItsFrame(t *testing.T) {
	for name, pair := range pairs {
		a, b, err := pair(Config{Role: Sender}, Config{Role: Receiver})
		if err != nil {
			t.Fatal(err)
		}
		err = a.Stream(0).Send(true, framing.TypeCredit, make([]byte, 5))
		wantCode(t, "too long", err, framing.CodeInternal)
		if a.Err() != nil {
			t.Errorf("%s: the link ended: %v", name, a.Err())
		}
		closeBoth(t, a, b)
	}
}

// Frames that wait in the buffer go out with the next Flush.
func TestFlush(t *testing.T) {
	eachHoled(t, 0, func(t *testing.T, a, b *Link, _ *atomic.Bool) {
		got := make(chan framing.Type, 1)
		go func() {
			typ, _, _ := b.Stream(0).Next()
			got <- typ
		}()
		if err := a.Stream(0).Send(false, framing.TypeBye, bye("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case typ := <-got:
			t.Errorf("%v went out without a flush", typ)
		default:
		}
		if err := a.Stream(0).Flush(); err != nil {
			t.Fatal(err)
		}
		if typ := <-got; typ != framing.TypeBye {
			t.Errorf("got %v", typ)
		}
		closeBoth(t, a, b)
	})
}

// A record that says that it is longer than it is swallows the heartbeats behind it.
// They are no sign of life then: the link is lost as soon as one that is silent.
func TestWrongLengthIsNoticed(t *testing.T) {
	for _, length := range []uint32{600, 70_000} {
		synctest.Test(t, func(t *testing.T) {
			a, b, err := Pipe(Config{Role: Sender}, Config{Role: Receiver})
			if err != nil {
				t.Fatal(err)
			}
			c := a.conns.stream(0).in.current()
			if err := errors.Join(put(c.raw, binary.BigEndian.AppendUint32(nil, length)), c.raw.Flush()); err != nil {
				t.Fatal(err)
			}
			aEnd := read(a, 0)
			began := time.Now()
			if typ, n, err := b.Stream(0).Next(); err == nil {
				t.Fatalf("%v of %d bytes", typ, n)
			}
			if took := time.Since(began); took > DefaultTimeout+2*heartbeat {
				t.Errorf("noticed after %v", took)
			}
			_ = b.Close()
			<-aEnd
			_ = a.Close()
		})
	}
}
