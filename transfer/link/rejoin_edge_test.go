package link

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

func drainAll(l *Link) {
	for {
		_, _, err := l.Stream(0).Next()
		if err != nil {
			return
		}
		if _, err := l.Stream(0).Body(); err != nil {
			return
		}
	}
}

// Three writers wait for room since no acknowledgement came; the next RESUME makes room for all.
func TestRoomWakesAllWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, 10*time.Minute)
		defer r.close()
		go drainAll(r.a)
		go drainAll(r.b)
		r.each(func(f *faulty) { f.mu.Lock(); f.hole = true; f.mu.Unlock() })
		body := make([]byte, 60000)
		for r.b.conns.stream(0).out.kept.held() < replayLimit {
			if err := r.b.Stream(0).Send(true, framing.TypeWant, body); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan int, 3)
		for i := range 3 {
			go func() {
				if err := r.b.Stream(0).Send(true, framing.TypeWant, body); err != nil {
					t.Error(err)
				}
				done <- i
			}()
		}
		synctest.Wait()
		r.cut()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if len(done) != 3 {
			t.Errorf("%d of 3 writers went on", len(done))
		}
	})
}

// A writer that waits for room must end when the link is closed in order.
func TestWriterEndsAtClose(t *testing.T) {
	r := newRejoining(t, time.Minute)
	go drainAll(r.a)
	go drainAll(r.b)
	r.refuse(errors.New("down"))
	r.cut()
	body := make([]byte, 60000)
	done := make(chan error, 1)
	go func() {
		for {
			if err := r.a.Stream(0).Send(false, framing.TypeEntry, body); err != nil {
				done <- err
				return
			}
		}
	}()
	_ = r.a.Close()
	if err := <-done; err == nil {
		t.Error("sent over a closed link")
	}
	r.b.Abort(nil)
	_, _ = r.b.Close(), r.listener.Close()
}

// The window holds also when the address answers nothing.
func TestWindowHoldsInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Second)
		defer r.close()
		go drainAll(r.a)
		go drainAll(r.b)
		silent := newHall()
		defer silent.Close()
		go func() {
			var held []net.Conn
			for {
				c, err := silent.Accept()
				if err != nil {
					for _, c := range held {
						_ = c.Close()
					}
					return
				}
				held = append(held, c)
			}
		}()
		r.network.inner = silent
		start := time.Now()
		r.cut()
		<-r.a.Done()
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("a window of 1 s ended after %v", took)
		}
	})
}
