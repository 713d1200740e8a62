package memory

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Two sides that write at once do not wait for each other, as long as the buffers
// hold it.
func TestBothWriteAtOnce(t *testing.T) {
	a, b := Pair()
	for _, c := range []*Conn{a, b} {
		if n, err := c.Write(make([]byte, buffer)); n != buffer || err != nil {
			t.Fatal(n, err)
		}
	}
	for _, c := range []*Conn{a, b} {
		if n, err := io.ReadFull(c, make([]byte, buffer)); n != buffer || err != nil {
			t.Fatal(n, err)
		}
	}
}

// Bytes come in order over the edge of the ring, however they are cut.
func TestRingWraps(t *testing.T) {
	a, b := Pair()
	sent := make([]byte, 3*buffer+7)
	for i := range sent {
		sent[i] = byte(i ^ i>>8)
	}
	done := make(chan error, 1)
	go func() {
		_, err := a.Write(sent)
		done <- errors.Join(err, a.CloseWrite())
	}()
	got, err := io.ReadAll(b)
	if err = errors.Join(err, <-done); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// What was written before a close is read, and then the end comes. The other
// direction goes on.
func TestHalfClose(t *testing.T) {
	a, b := Pair()
	_, err := a.Write([]byte("last"))
	if err := errors.Join(err, a.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing after the end: %v", err)
	}
	if got, err := io.ReadAll(b); string(got) != "last" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := b.Write([]byte("back")); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(a); string(got) != "back" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading after Close: %v", err)
	}
}

// A deadline and a close both end a call that waits.
func TestWaitingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(a, b *Conn) error
		want error
	}{
		"the deadline passes":  {func(a, _ *Conn) error { return a.SetDeadline(time.Now().Add(time.Second)) }, os.ErrDeadlineExceeded},
		"this side closes":     {func(a, _ *Conn) error { return a.Close() }, net.ErrClosed},
		"the other side reads": {func(_, b *Conn) error { _, err := b.Read(make([]byte, 1)); return errors.Join(err, b.Close()) }, io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := Pair()
				done := make(chan error)
				go func() {
					_, err := a.Write(make([]byte, 2*buffer))
					done <- err
				}()
				synctest.Wait()
				if err := c.end(a, b); err != nil {
					t.Fatal(err)
				}
				if err := <-done; !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		a, _ := Pair()
		start := time.Now()
		if err := a.SetReadDeadline(start.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
