package socket

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// closing is one end of a pipe that says when it was closed.
type closing struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (c *closing) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func pipe() *closing {
	one, _ := net.Pipe()
	return &closing{Conn: one, closed: make(chan struct{})}
}

// What is put in and what is accepted come out of one Accept, each with its source.
func TestInlet(t *testing.T) {
	ln, _ := listen(t, "127.0.0.1:0")
	in := NewInlet(ln.Addr())
	in.Feed(ln)
	put := pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := in.Put(put, "relay 7"); err != nil {
			t.Error(err)
		}
	})
	call, err := net.Dial("tcp", in.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	kinds := make(map[string]int)
	for range 2 {
		conn, err := in.Accept()
		if err != nil {
			t.Fatal(err)
		}
		kinds[in.Source(conn)]++
		_, tcp := conn.(*net.TCPConn)
		if tcp != (in.Source(conn) == "") {
			t.Errorf("%T has the source %q", conn, in.Source(conn))
		}
		_ = conn.Close()
	}
	wg.Wait()
	if kinds[""] != 1 || kinds["relay 7"] != 1 {
		t.Errorf("sources: %v", kinds)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if _, err := in.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", in.Addr().String()); err == nil {
		t.Error("its listener is still open")
	}
}

// Nothing that is put in is left open.
func TestInletCloses(t *testing.T) {
	in := NewInlet(&net.TCPAddr{})
	var wg sync.WaitGroup
	waiting := make([]*closing, 8)
	for n := range waiting {
		waiting[n] = pipe()
		wg.Go(func() {
			if err := in.Put(waiting[n], "x"); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	for _, c := range waiting {
		<-c.closed
	}
	late := pipe()
	if err := in.Put(late, ""); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	<-late.closed
	ln, _ := listen(t, "127.0.0.1:0")
	in.Feed(ln)
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error("a listener given too late is open")
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// A listener may end by itself, and the others go on.
func TestInletOutlivesItsListeners(t *testing.T) {
	in := NewInlet(&net.TCPAddr{})
	defer in.Close()
	ln, _ := listen(t, "127.0.0.1:0")
	in.Feed(ln)
	_ = ln.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if err := in.Put(pipe(), "x"); err != nil {
			t.Error(err)
		}
	})
	conn, err := in.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// failing fails some times before it is closed.
type failing struct {
	net.Listener
	fails int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.fails > 0 {
		f.fails--
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}

// A failure to accept ends nothing.
func TestInletGoesOnAfterFailures(t *testing.T) {
	ln, _ := listen(t, "127.0.0.1:0")
	in := NewInlet(ln.Addr())
	defer in.Close()
	in.Feed(&failing{ln, 3})
	call, err := net.DialTimeout("tcp", ln.Addr().String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	conn, err := in.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// The sources that are kept are bounded, and the newest are kept.
func TestInletForgets(t *testing.T) {
	in := NewInlet(&net.TCPAddr{})
	defer in.Close()
	var all []net.Conn
	for n := range mostSources + 10 {
		c := pipe()
		all = append(all, c)
		in.remember(c, strconv.Itoa(n))
	}
	if got := in.Source(all[9]); got != "" {
		t.Errorf("the oldest is kept: %q", got)
	}
	for n := 10; n < len(all); n++ {
		if got := in.Source(all[n]); got != strconv.Itoa(n) {
			t.Fatalf("%d has the source %q", n, got)
		}
	}
	if len(in.sources) != mostSources {
		t.Errorf("%d are kept", len(in.sources))
	}
}
