package record

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"ferry/transfer/tree/treetest"
)

// sockets are both ends of a connection of TCP. Its buffers hold less than what is written.
func sockets(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	if far, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	return near, far
}

// What does not fit waits, and all of it comes, in order, before the end. An empty read or
// write does nothing.
func TestSocketCarriesAll(t *testing.T) {
	near, far := sockets(t)
	from, to := NewConn(near).socket(), NewConn(far).socket()
	sent := make([]byte, 24<<20+3)
	for i := range sent {
		sent[i] = byte(i ^ i>>8 ^ i>>16)
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := from.Write(nil)
		n, werr := from.Write(sent)
		if n != len(sent) {
			err = errors.Join(err, io.ErrShortWrite)
		}
		wrote <- errors.Join(err, werr, near.CloseWrite())
	}()
	if n, err := to.Read(nil); n != 0 || err != nil {
		t.Errorf("an empty read: %d, %v", n, err)
	}
	got, err := io.ReadAll(to)
	if err = errors.Join(err, <-wrote); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
	}
}

// A call that waits ends at a deadline, at a close of this side, and when the other side
// resets the connection. What a write tells is what it gave away. The errors are those of
// package net.
func TestSocketCallsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(near, far *net.TCPConn) error
		want error // nil: any
	}{
		"the deadline passes": {func(near, _ *net.TCPConn) error { return near.SetDeadline(time.Now().Add(20 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		"this side closes":    {func(near, _ *net.TCPConn) error { return near.Close() }, net.ErrClosed},
		"the other resets":    {func(_, far *net.TCPConn) error { return errors.Join(far.SetLinger(0), far.Close()) }, nil},
	} {
		for _, op := range []string{"read", "write"} {
			t.Run(op+" when "+name, func(t *testing.T) {
				if op == "write" && name == "the other resets" && treetest.Wine() {
					t.Skip("Wine at times leaves a write pending that a reset ends")
				}
				near, far := sockets(t)
				s := NewConn(near).socket()
				ended := make(chan error, 1)
				var n int
				b := make([]byte, 64<<20)
				go func() {
					var err error
					if op == "read" {
						n, err = s.Read(b)
					} else {
						n, err = s.Write(b)
					}
					ended <- err
				}()
				if op == "write" { // it has begun
					if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.end(near, far); err != nil {
					t.Fatal(err)
				}
				err := <-ended
				var of *net.OpError
				if !errors.As(err, &of) || of.Op != op || of.Source == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%v", err)
				}
				if op == "read" && n != 0 || n == len(b) {
					t.Errorf("%d bytes are told", n)
				}
				if op != "write" || c.want != os.ErrDeadlineExceeded {
					return
				}
				if err := near.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if rest, err := io.Copy(io.Discard, far); err != nil || int(rest)+1 != n {
					t.Errorf("%d bytes were told, %d came: %v", n, rest+1, err)
				}
			})
		}
	}
}
