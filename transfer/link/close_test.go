package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/memory"
)

func TestAbort(t *testing.T) {
	eachHoled(t, 0, func(t *testing.T, a, b *Link, _ *atomic.Bool) {
		end := read(a, 0)
		synctest.Wait()
		boom := errors.New("boom")
		a.Abort(boom)
		if err := <-end; !errors.Is(err, boom) {
			t.Errorf("reader gets %v", err)
		}
		if err := a.Stream(0).Send(false, framing.TypeBye, bye("x")); !errors.Is(err, boom) {
			t.Errorf("Send = %v", err)
		}
		<-a.Done()
		a.Abort(errors.New("later"))
		if err := a.Close(); !errors.Is(err, boom) {
			t.Errorf("Close = %v, the first error counts", err)
		}
		// A cut is not an end.
		if err := <-read(b, 0); errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the other side takes a cut for an end: %v", err)
		}
		wantCode(t, "other side", b.Err(), framing.CodeLost)
		_ = b.Close()
	})
}

// The reason why the other side closed reaches the reader although a write has
// failed before.
func TestLastWordsOutliveAFailedWrite(t *testing.T) {
	eachHoled(t, 0, func(t *testing.T, a, b *Link, _ *atomic.Bool) {
		sendBye(t, b.Stream(0), "no space")
		b.Abort(nil)
		wantCode(t, "Send", a.Stream(0).Send(true, framing.TypeBye, bye("x")), framing.CodeLost)
		wantBye(t, a.Stream(0), "no space")
		start := time.Now()
		<-a.Done() // ends by itself, even if nobody reads
		if took := time.Since(start); took > closeLimit {
			t.Errorf("ended only after %v", took)
		}
		wantCode(t, "Err", a.Err(), framing.CodeLost)
		_, _ = a.Close(), b.Close()
	})
}

// Close is bounded whatever the other side does: here it neither reads nor
// closes, and its buffer is full.
func TestCloseIsBounded(t *testing.T) {
	eachHoled(t, 0, func(t *testing.T, a, b *Link, _ *atomic.Bool) {
		fill(t, a.conns.stream(0).in.current().raw.Conn)
		if err := a.Stream(0).Send(false, framing.TypeBye, bye("unsent")); err != nil {
			t.Error(err)
		}
		start := time.Now()
		err := a.Close()
		wantCode(t, "Close with bytes unsent", err, framing.CodeTimeout)
		if took := time.Since(start); took != closeLimit {
			t.Errorf("Close took %v", took)
		}
		b.Abort(nil)
		_ = b.Close()
	})
	// It only does not close: what was sent is out, so that is no error.
	eachHoled(t, 0, func(t *testing.T, a, b *Link, _ *atomic.Bool) {
		start := time.Now()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 2*closeLimit {
			t.Errorf("Close took %v", took)
		}
		_, _, err := b.Stream(0).Next()
		if !errors.Is(err, io.EOF) {
			t.Errorf("the other side gets %v", err)
		}
		b.Abort(nil)
		_ = b.Close()
	})
}

// A Send that is stuck ends with Close. In real time: synctest does not see
// through the lock that Close waits for.
func TestCloseEndsAStuckSend(t *testing.T) {
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) { closeStuck(t, pair) })
	}
}

func closeStuck(t *testing.T, pair func(a, b Config) (*Link, *Link, error)) {
	a, b, err := pair(Config{Role: Sender}, Config{Role: Receiver})
	if err != nil {
		t.Fatal(err)
	}
	raw := a.conns.stream(0).in.current().raw
	line := &narrow{Conn: raw.Conn.(*memory.Conn), left: 1 << 20, full: make(chan struct{}), late: make(chan struct{})}
	raw.Conn = line
	sent := make(chan error, 1)
	go func() {
		for {
			if err := a.Stream(0).Send(true, framing.TypeData, make([]byte, 200<<10)); err != nil {
				sent <- err
				return
			}
		}
	}()
	<-line.full
	closed := make(chan error)
	go func() { closed <- a.Close() }()
	if err := <-sent; err == nil {
		t.Error("Send succeeded beyond what the other side holds")
	}
	wantCode(t, "Close", <-closed, framing.CodeTimeout)
	b.Abort(nil)
	_ = b.Close()
}

// fill writes to conn until the other side, which does not read, holds no more.
func fill(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
	for err := error(nil); err == nil; {
		_, err = conn.Write(make([]byte, 64<<10))
	}
	if err := conn.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// narrow holds 1 MiB of what is written, and then nothing until its deadline.
type narrow struct {
	*memory.Conn
	left int
	full chan struct{} // closed when a Write begins to wait
	late chan struct{} // closed when its deadline is over
}

func (n *narrow) Write(p []byte) (int, error) {
	if n.left -= len(p); n.left > 0 {
		return len(p), nil
	}
	close(n.full)
	<-n.late
	return 0, os.ErrDeadlineExceeded
}

func (n *narrow) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() {
		time.AfterFunc(time.Until(t), func() { close(n.late) })
	}
	return nil
}
