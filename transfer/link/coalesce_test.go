package link

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

func TestCoalescerGathers(t *testing.T) {
	a, b := memory.Pair()
	counting := &countingConn{Conn: a}
	c := newCoalescer(counting)
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
	proven := newCoalescer(b)
	proven.promote(newPulse())
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

func TestCoalescerFlushesBeforeHandshakeReads(t *testing.T) {
	a, b := memory.Pair()
	c := newCoalescer(a)
	c.handshake.Store(true)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
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
	if _, err := io.ReadFull(c, p); err != nil || string(p) != "hello" {
		t.Errorf("%q, %v", p, err)
	}
	if err := <-echoed; err != nil {
		t.Error(err)
	}
}

func TestCoalescerErrorSticks(t *testing.T) {
	a, _ := memory.Pair()
	boom := errors.New("boom")
	counting := &countingConn{Conn: a, fail: boom}
	c := newCoalescer(counting)
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
func TestCoalescerReads(t *testing.T) {
	a, b := memory.Pair()
	sent := make([]byte, 300<<10)
	for i := range sent {
		sent[i] = byte(i * 7 >> 3)
	}
	go func() {
		_, _ = a.Write(sent)
		_ = a.CloseWrite()
	}()
	c := newCoalescer(b)
	if err := c.awaitByte(); err != nil {
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
	c.promote(newPulse())
	rest, err := io.ReadAll(c)
	if !errors.Is(err, errCut) || !bytes.Equal(append(got, rest...), sent) {
		t.Errorf("%d bytes, %v; want %d", len(got)+len(rest), err, len(sent))
	}
}
