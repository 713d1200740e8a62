package record

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"ferry/transfer/link/memory"
)

// countingConn counts the writes that reach the socket.
type countingConn struct {
	net.Conn
	writes atomic.Int64
	fail   error
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if c.fail != nil {
		return 0, c.fail
	}
	return c.Conn.Write(p)
}

func TestConnGathers(t *testing.T) {
	a, b := memory.Pair()
	counting := &countingConn{Conn: a}
	c := NewConn(counting)
	record := bytes.Repeat([]byte("r"), 16<<10)
	for range 16 {
		if _, err := c.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if n := counting.writes.Load(); n != 0 {
		t.Errorf("%d writes before Flush", n)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := counting.writes.Load(); n != 1 {
		t.Errorf("%d writes for 16 records", n)
	}
	got := make([]byte, 16*len(record))
	proven := NewConn(b)
	proven.Promote(NewPulse())
	if _, err := io.ReadFull(proven, got); err != nil || !bytes.Equal(got[:len(record)], record) {
		t.Errorf("read back: %v", err)
	}
	// A full buffer goes out by itself.
	for range writeBuffer/len(record) + 1 {
		if _, err := c.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if n := counting.writes.Load(); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
}

func TestConnFlushesBeforeHandshakeReads(t *testing.T) {
	a, b := memory.Pair()
	c := NewConn(a)
	echoed := make(chan error, 1)
	go func() {
		p := make([]byte, 5)
		_, err := io.ReadFull(b, p)
		if err == nil {
			_, err = b.Write(p)
		}
		echoed <- err
	}()
	p := make([]byte, 5)
	shake := func() error {
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, p)
		return err
	}
	if err := c.Handshake(shake); err != nil || string(p) != "hello" {
		t.Errorf("%q, %v", p, err)
	}
	if err := <-echoed; err != nil {
		t.Error(err)
	}
}

func TestConnErrorSticks(t *testing.T) {
	a, _ := memory.Pair()
	boom := errors.New("boom")
	counting := &countingConn{Conn: a, fail: boom}
	c := NewConn(counting)
	_, _ = c.Write([]byte("x"))
	if err := c.Flush(); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	counting.fail = nil
	if _, err := c.Write([]byte("y")); !errors.Is(err, boom) {
		t.Errorf("Write after a failed one = %v", err)
	}
	if err := c.Flush(); !errors.Is(err, boom) {
		t.Errorf("Flush after a failed one = %v", err)
	}
}

// What was read ahead before the proof is not lost, and reads of any size see
// the same bytes.
func TestConnReads(t *testing.T) {
	a, b := memory.Pair()
	sent := make([]byte, 300<<10)
	for i := range sent {
		sent[i] = byte(i * 7 >> 3)
	}
	go func() {
		_, _ = a.Write(sent)
		_ = a.CloseWrite()
	}()
	c := NewConn(b)
	if err := c.AwaitByte(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for size := 1; len(got) < 3000; size += 37 {
		p := make([]byte, size)
		n, err := c.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	c.Promote(NewPulse())
	rest, err := io.ReadAll(c)
	if !errors.Is(err, errCut) || !bytes.Equal(append(got, rest...), sent) {
		t.Errorf("%d bytes, %v; want %d", len(got)+len(rest), err, len(sent))
	}
}

// A side that has not proved itself is not listened to for long, neither in the
// handshake nor after it.
func TestStrangersAreCutShort(t *testing.T) {
	for _, c := range []struct {
		shaking bool
		limit   int64
	}{{true, handshakeLimit}, {false, strangerLimit}} {
		near, far := memory.Pair()
		raw := NewConn(near)
		go func() { _, _ = far.Write(make([]byte, 2*strangerLimit)); _ = far.Close() }()
		raw.left = -1 // as if it were no TLS
		raw.handshake.Store(c.shaking)
		if n, err := io.Copy(io.Discard, struct{ io.Reader }{raw}); !errors.Is(err, errLong) || n > c.limit {
			t.Errorf("%d bytes were taken: %v", n, err)
		}
	}
}
