package link

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// onward makes a connection that the link may move to.
func (r *rejoining) onward(t *testing.T) net.Conn {
	t.Helper()
	c, err := r.connect(t.Context(), Want{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// flows pours over all streams of both sides, and drains there.
func flows(r *rejoining, streams, frames int, after func(k int)) (wait func() []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	run := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	for i := range streams {
		run(func() error { return pour(r.a, i, frames, 1) })
		run(func() error { return pour(r.b, i, frames, 2) })
		run(func() error { return drain(r.b, i, frames, 1, after) })
		run(func() error { return drain(r.a, i, frames, 2, func(int) {}) })
	}
	return func() []error { wg.Wait(); return errs }
}

func grow(t *testing.T, r *rejoining, n int) {
	t.Helper()
	if err := r.a.Grow(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := r.b.Grow(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// A link moves under load again and again: each byte comes once, and nobody hears of a loss.
func TestMoveUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		grow(t, r, 3)
		half := make(chan struct{}, 1)
		var seen atomic.Int64
		twice := make(chan struct{}) // closed after two moves: until then there is something to carry
		wait := flows(r, 3, 2000, func(int) {
			n := seen.Add(1)
			if n%700 == 0 {
				select {
				case half <- struct{}{}:
				default:
				}
			}
			if n >= 4000 {
				<-twice
			}
		})
		moves := 0
		done := make(chan []error)
		go func() { done <- wait() }()
		for running := true; running; {
			select {
			case <-half:
				if err := r.a.Move(t.Context(), r.onward(t)); err != nil {
					t.Errorf("move %d: %v", moves, err)
				}
				if moves++; moves == 2 {
					close(twice)
				}
			case errs := <-done:
				if len(errs) > 0 {
					t.Error(errs)
				}
				running = false
			}
		}
		if lost, again := r.count(EventLost), r.count(EventRejoined); moves < 2 || r.count(EventMoved) != 2*moves || lost+again > 0 {
			t.Errorf("%d moves: told %d moved, %d lost, %d joined again", moves, r.count(EventMoved), lost, again)
		}
		r.close()
	})
}

// Whatever happens to a move before the other side has taken it leaves the link as it was.
func TestMoveThatFailsChangesNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		conn func(t *testing.T, r *rejoining) net.Conn
	}{
		{"closed", func(t *testing.T, r *rejoining) net.Conn {
			c := r.onward(t)
			_ = c.Close()
			return c
		}},
		{"nobody answers", func(*testing.T, *rejoining) net.Conn {
			a, _ := net.Pipe()
			return a
		}},
		{"another listener", func(t *testing.T, r *rejoining) net.Conn {
			_, other := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right"), RetryFor: time.Minute})
			c, err := other.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return c
		}},
		{"no further connections", func(t *testing.T, r *rejoining) net.Conn {
			c := r.onward(t)
			r.refuse(errors.New("refused"))
			return c
		}},
		{"damaged", func(t *testing.T, r *rejoining) net.Conn {
			c := r.onward(t)
			c.(*faulty).flip = true
			return c
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRejoining(t, time.Minute)
				grow(t, r, 2)
				before := r.a.Traffic()
				if err := r.a.Move(t.Context(), tc.conn(t, r)); err == nil {
					t.Error("it moved")
				}
				r.refuse(nil)
				if errs := flows(r, 2, 50, func(int) {})(); len(errs) > 0 {
					t.Error(errs)
				}
				if n := r.count(EventLost) + r.count(EventMoved) + r.count(EventRejoined); n != 0 || r.a.Traffic() == before {
					t.Errorf("%d events", n)
				}
				r.close()
			})
		})
	}
}

// cutAfter is a connection that ends after so many bytes from the dialler.
type cutAfter struct {
	net.Conn
	left atomic.Int64
}

func (c *cutAfter) Write(p []byte) (int, error) {
	if left := c.left.Add(-int64(len(p))); left < 0 {
		n := max(0, int(left)+len(p))
		if n > 0 {
			_, _ = c.Conn.Write(p[:n])
		}
		_ = c.Close()
		return n, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// The new way is cut at every place of its ladder and right after: nothing is lost.
func TestMoveCutAnywhere(t *testing.T) {
	for at := int64(0); at < 6000; at += 150 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRejoining(t, time.Minute)
				grow(t, r, 2)
				wait := flows(r, 2, 300, func(int) {})
				time.Sleep(time.Millisecond)
				c := &cutAfter{Conn: r.onward(t)}
				c.left.Store(at)
				_ = r.a.Move(t.Context(), c)
				if errs := wait(); len(errs) > 0 {
					t.Error(errs)
				}
				r.close()
			})
		})
	}
}

// Moves, losses and further streams at once.
func TestMovesAndLosses(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := mathrand.New(mathrand.NewPCG(seed, 7))
				r := newRejoining(t, time.Minute)
				grow(t, r, 2)
				wait := flows(r, 2, 400, func(k int) {
					if k%40 == 0 {
						time.Sleep(20 * time.Millisecond)
					}
				})
				done := make(chan []error)
				go func() { done <- wait() }()
				var others sync.WaitGroup
				for running := true; running; {
					select {
					case errs := <-done:
						if len(errs) > 0 {
							t.Error(errs)
						}
						running = false
					case <-time.After(time.Duration(rnd.IntN(50)) * time.Millisecond):
						if rnd.IntN(3) == 0 {
							r.cut()
						}
						c := r.onward(t)
						others.Go(func() { _ = r.a.Move(t.Context(), c) })
						if rnd.IntN(4) == 0 {
							n := 3 + rnd.IntN(3)
							others.Go(func() { _ = r.a.Grow(t.Context(), n) })
						}
					}
				}
				others.Wait()
				r.close()
			})
		})
	}
}

// The other side's new way dies in silence right after the proof: the link is lost for a
// moment, and goes on where Connect leads.
func TestMoveToAWayThatSwallows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		wait := flows(r, 1, 200, func(k int) {
			if k%50 == 0 {
				time.Sleep(time.Second)
			}
		})
		c := &swallowing{Conn: r.onward(t), link: r.b}
		if err := r.a.Move(t.Context(), c); err == nil {
			t.Error("it moved")
		}
		if errs := wait(); len(errs) > 0 {
			t.Error(errs)
		}
		if r.count(EventLost) == 0 || r.count(EventRejoined) == 0 {
			t.Errorf("told %v", r.told)
		}
		r.close()
	})
}

// swallowing takes in nothing any more once the link at the other end has another epoch.
type swallowing struct {
	net.Conn
	link *Link
}

func (s *swallowing) Write(p []byte) (int, error) {
	if epoch, _ := s.link.conns.place(); epoch > 0 {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

func (s *swallowing) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if epoch, _ := s.link.conns.place(); epoch > 0 && err == nil {
		return s.Read(p)
	}
	return n, err
}

func TestWhoMayMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		if err := r.b.Move(t.Context(), r.onward(t)); !errors.Is(err, errListens) {
			t.Errorf("the listener: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.a.Move(ctx, r.onward(t)); codeOf(err) != framing.CodeInterrupted {
			t.Errorf("a caller who gave up: %v", err)
		}
		r.a.LimitRetry(0)
		if err := r.a.Move(t.Context(), r.onward(t)); !errors.Is(err, errNoRejoin) {
			t.Errorf("a link that is not joined again: %v", err)
		}
		r.close()
		c, _ := net.Pipe()
		if err := r.a.Move(t.Context(), c); err == nil {
			t.Error("a link that is over moved")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		r.b.LimitRetry(0)
		if err := r.a.Move(t.Context(), r.onward(t)); err == nil {
			t.Error("a listener that is not joined again took it")
		}
		r.close()
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		r.a.EndWriting()
		if err := r.a.Move(t.Context(), r.onward(t)); !errors.Is(err, errLeaving) {
			t.Errorf("a side that has said all: %v", err)
		}
		r.close()
	})
}

// A lost link is joined again by a move, while nothing else can be dialled.
func TestMoveJoinsALostLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		c := r.onward(t)
		r.refuse(errors.New("refused"))
		r.network.mu.Lock()
		r.network.conns = r.network.conns[:1] // c stays
		r.network.mu.Unlock()
		// Both sides are in the middle of it, and so notice.
		wait := flows(r, 1, 2000, func(k int) {
			if k == 50 {
				r.cut()
			}
		})
		time.Sleep(time.Second)
		if err := r.a.Move(t.Context(), c); err != nil {
			t.Error(err)
		}
		if errs := wait(); len(errs) > 0 {
			t.Error(errs)
		}
		if r.count(EventMoved) != 0 || r.count(EventRejoined) == 0 {
			t.Errorf("told %v", r.told)
		}
		r.close()
	})
}

// What was said last before Close arrives, also when the link moves at that moment.
func TestCloseWhileItMoves(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			r := newRejoining(t, time.Minute)
			got := make(chan error)
			go func() { got <- drain(r.b, 0, 100, 1, func(int) {}) }()
			aEnd := read(r.a, 0)
			c := r.onward(t)
			moved := make(chan error)
			go func() { moved <- r.a.Move(t.Context(), c) }()
			for range seed {
				synctest.Wait()
			}
			if err := pour(r.a, 0, 100, 1); err != nil {
				t.Error(err)
			}
			closed := make(chan error)
			go func() { closed <- r.a.Close() }()
			if err := <-got; err != nil {
				t.Errorf("%d: %v", seed, err)
			}
			_ = r.b.Close()
			if err := <-closed; err != nil {
				t.Errorf("%d: closing: %v", seed, err)
			}
			_ = r.listener.Close()
			<-moved
			<-aEnd
		})
	}
}
