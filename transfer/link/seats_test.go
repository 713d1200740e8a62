package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// several is a listener for more than one peer, each of which is known by its source.
type several struct {
	*testing.T
	listener *Listener
	inner    *hall
	cfg      Config
}

func newSeveral(t *testing.T, links int) *several {
	cfg := Config{Role: Receiver, Code: code(t, "7-right"), RetryFor: time.Minute, Links: links}
	l, inner := memoryServer(t, cfg)
	cfg.Role = Sender
	return &several{t, l, inner, cfg}
}

// dial makes a link from that source, whose connections can be cut.
func (s *several) dial(source string) (*Link, *network) {
	s.Helper()
	n := &network{inner: s.inner}
	cfg := s.cfg
	cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) {
		c, err := dialAs(s.inner, source)(ctx)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.refused != nil {
			_ = c.Close()
			return nil, n.refused
		}
		n.cuts = append(n.cuts, c)
		return c, nil
	}
	l, err := Dial(s.Context(), "memory:1", cfg, 0)
	if err != nil {
		s.Fatalf("from %s: %v", source, err)
	}
	return l, n
}

func (s *several) accept() *Link {
	s.Helper()
	l, err := s.listener.Accept(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return l
}

// refused expects a peer with the right code to be told to wait.
func (s *several) refused() {
	s.Helper()
	cfg := s.cfg
	cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) { return s.inner.dial(ctx) }
	_, err := Dial(s.Context(), "memory:1", cfg, 0)
	wantRemote(s.T, "one too many", err, framing.CodeBusy)
}

func wantRemote(t *testing.T, what string, err error, want framing.Code) {
	t.Helper()
	var le *Error
	for e := err; e != nil; e = errors.Unwrap(e) {
		if x, ok := e.(*Error); ok && x.Remote {
			le = x
		}
	}
	if le == nil || le.Code != want {
		t.Errorf("%s: %v, want %v from there", what, err, want)
	}
}

func abort(links ...*Link) {
	for _, l := range links {
		l.Abort(nil)
		_ = l.Close()
	}
}

// talk says something on each pair, and hears it there and nowhere else.
func talk(t *testing.T, dialled, accepted []*Link) {
	t.Helper()
	for i, l := range dialled {
		m := framing.Bye{Message: fmt.Sprint("pair ", i)}
		if err := l.Stream(0).Send(true, framing.TypeBye, m.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range accepted {
		if _, _, err := l.Stream(0).Next(); err != nil {
			t.Fatal(err)
		}
		body, err := l.Stream(0).Body()
		if err != nil {
			t.Fatal(err)
		}
		if m, err := framing.ParseBye(body); err != nil || m.Message != fmt.Sprint("pair ", i) {
			t.Errorf("link %d heard %q, %v", i, m.Message, err)
		}
	}
}

func TestSeveralLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeveral(t, 3)
		var near, far []*Link
		for i := range 3 {
			a, _ := s.dial(fmt.Sprint("host ", i))
			near, far = append(near, a), append(far, s.accept())
		}
		s.refused()
		// Further streams find their session.
		for i, a := range near {
			if err := a.Grow(t.Context(), 2+i); err != nil {
				t.Fatal(err)
			}
			if err := far[i].Grow(t.Context(), 2+i); err != nil {
				t.Fatal(err)
			}
		}
		talk(t, near, far)
		abort(near[1], far[1])
		b, _ := s.dial("host 4")
		near[1], far[1] = b, s.accept()
		talk(t, near, far)
		abort(append(near, far...)...)
		_ = s.listener.Close()
	})
}

// While there is room nobody loses a place. Without room the lost link goes whose peer came
// from the same source, else the one that was lost first; one in use never goes.
func TestWhoseLostLinkGoes(t *testing.T) {
	for _, tc := range []struct {
		links  int
		source string
		gone   int // -1: none
	}{
		{4, "host 2", -1},
		{3, "host 2", 2},
		{3, "elsewhere", 1},
		{3, "host 0", 1}, // in use
	} {
		t.Run(fmt.Sprint(tc.links, " ", tc.source), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSeveral(t, tc.links)
				var near, far []*Link
				nets := make([]*network, 3)
				for i := range nets {
					a, n := s.dial(fmt.Sprint("host ", i))
					near, far, nets[i] = append(near, a), append(far, s.accept()), n
				}
				var ends []<-chan error
				for _, l := range far {
					ends = append(ends, read(l, 0))
				}
				for _, i := range []int{1, 2} {
					nets[i].refuse(errors.New("unplugged"))
					nets[i].cut()
					time.Sleep(time.Second)
				}
				fresh, _ := s.dial(tc.source)
				last := s.accept()
				synctest.Wait() // the one that goes is told beside that
				for i, l := range far {
					if got := errors.Is(l.Err(), ErrBegunAnew); got != (i == tc.gone) {
						t.Errorf("link %d: %v", i, l.Err())
					}
				}
				abort(append(append(near, far...), fresh, last)...)
				_ = s.listener.Close()
				for _, end := range ends {
					<-end
				}
			})
		})
	}
}

// A crowd with the right code gets as many links as there are places, and wrong codes count
// for all of them.
func TestACrowdGetsItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeveral(t, 4)
		type outcome struct {
			l   *Link
			err error
		}
		got := make(chan outcome)
		for i := range 12 {
			go func() {
				cfg := s.cfg
				cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) {
					return dialAs(s.inner, fmt.Sprint("host ", i))(ctx)
				}
				l, err := Dial(t.Context(), "memory:1", cfg, 0)
				got <- outcome{l, err}
			}()
		}
		var near, far []*Link
		for range 12 {
			if o := <-got; o.err == nil {
				near = append(near, o.l)
			} else {
				wantRemote(t, "a late one", o.err, framing.CodeBusy)
			}
		}
		for range near {
			far = append(far, s.accept())
		}
		if len(near) != 4 {
			t.Errorf("%d links", len(near))
		}
		abort(append(near, far...)...)
		_ = s.listener.Close()
	})
}
