package link

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// A listener takes no more streams than it allowed, and after a loss those again
// that it has.
func TestAllowedStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		r.b.AllowStreams(2)
		wantCode(t, "one too many", r.a.Grow(t.Context(), 3), framing.CodeDeclined)
		synctest.Wait()
		if n := r.b.NumStreams(); n != 2 {
			t.Errorf("%d streams, of 2", n)
		}
		r.b.AllowStreams(1)
		if err := r.a.Grow(t.Context(), 2); err != nil {
			t.Errorf("the stream that was allowed: %v", err)
		}
		r.cut()
		time.Sleep(30 * time.Second)
		if n := r.count(EventRejoined); n != 2 {
			t.Errorf("%d sides joined again", n)
		}
		if r.a.conns.stream(1).in.current() == nil || r.b.conns.stream(1).in.current() == nil {
			t.Error("stream 1 did not come back")
		}
		r.close()
		<-aEnd
		<-bEnd
	})
}

// The end of another stream's connection does not keep what stream 0 still has to
// say from being heard. Only then it is a loss.
func TestCutOfAFurtherStream(t *testing.T) {
	for name, window := range map[string]time.Duration{"to be joined again": time.Minute, "not to be": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRejoining(t, window)
				if err := errors.Join(r.a.Grow(t.Context(), 2), r.b.Grow(t.Context(), 2)); err != nil {
					t.Fatal(err)
				}
				aEnd, more := read(r.a, 0), read(r.b, 1)
				r.mu.Lock()
				_ = r.conns[1].Close()
				r.mu.Unlock()
				synctest.Wait()
				if n := r.count(EventLost); n != 0 || r.b.Err() != nil {
					t.Errorf("%d times lost at once, %v", n, r.b.Err())
				}
				bye := framing.Bye{Code: framing.CodeDeclined}
				if err := r.a.Stream(0).Send(true, framing.TypeBye, bye.Append(nil)); err != nil {
					t.Errorf("saying goodbye: %v", err)
				}
				if ty, _, err := r.b.Stream(0).Next(); err != nil || ty != framing.TypeBye {
					t.Errorf("%v, %v", ty, err)
				}
				if _, err := r.b.Stream(0).Body(); err != nil {
					t.Error(err)
				}
				bEnd := read(r.b, 0)
				time.Sleep(30 * time.Second)
				if rejoined := r.count(EventRejoined); window > 0 && rejoined != 2 || window == 0 && codeOf(r.b.Err()) != framing.CodeLost {
					t.Errorf("joined again by %d sides, %v", rejoined, r.b.Err())
				}
				r.close()
				<-aEnd
				<-bEnd
				<-more
			})
		})
	}
}

// A stream that was under way when the link was lost does not become one of the
// link that followed.
func TestStreamOfALinkThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		conn, err := r.a.redial.connect(t.Context(), Want{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := proveOn(t.Context(), r.a.redial, conn, r.a.session.hello(framing.PurposeStream, 0, 2))
		if err != nil {
			t.Fatal(err)
		}
		r.cut()
		time.Sleep(30 * time.Second)
		wantCode(t, "adding it", r.a.add(1, c, 0), framing.CodeLost)
		if n := r.a.NumStreams(); n != 1 {
			t.Errorf("%d streams", n)
		}
		_ = conn.Close()
		r.close()
		<-aEnd
		<-bEnd
	})
}
