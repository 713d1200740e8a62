package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// Twenty cuts of every kind lose nothing and repeat nothing, on three streams,
// in both directions.
func TestRejoinCarriesOn(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			r := newRejoining(t, time.Minute)
			if err := errors.Join(r.a.Grow(t.Context(), 3), r.b.Grow(t.Context(), 3)); err != nil {
				t.Fatal(err)
			}
			const frames, cuts = 4000, 20
			done := make(chan error, 12)
			kinds := []func(){
				r.cut,
				func() { r.each(func(f *faulty) { f.mu.Lock(); f.flip = true; f.mu.Unlock() }) },
				func() { r.each(func(f *faulty) { f.mu.Lock(); f.hole = true; f.mu.Unlock() }) },
			}
			for i := range 3 {
				go func() { done <- pour(r.a, i, frames, seed) }()
				go func() { done <- pour(r.b, i, frames, seed+9) }()
				go func() { done <- drain(r.a, i, frames, seed+9, func(int) {}) }()
				go func() {
					done <- drain(r.b, i, frames, seed, func(k int) {
						if i == 0 && k%(frames/cuts) == 7 {
							kinds[k/(frames/cuts)%len(kinds)]()
						}
					})
				}()
			}
			for range cap(done) {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			if n := r.count(EventLost); n < 5 || n != r.count(EventRejoined) {
				t.Errorf("%d times lost, %d times joined again", n, r.count(EventRejoined))
			}
			if epochOf(r.a) == 0 || epochOf(r.a) != epochOf(r.b) {
				t.Errorf("epochs %d and %d", epochOf(r.a), epochOf(r.b))
			}
			// A BYE in order ends it for both: nobody waits to be joined again.
			aEnd, bEnd := read(r.a, 0), read(r.b, 0)
			time.Sleep(2 * time.Minute) // until the last fault is noticed and over
			// On a stream that had nothing more to say it waits still.
			r.each(func(f *faulty) { f.mu.Lock(); f.flip, f.hole = false, false; f.mu.Unlock() })
			closed := make(chan error, 1)
			go func() { closed <- r.a.Close() }()
			if err := <-bEnd; codeOf(err) != framing.CodeLost || r.b.Err() != nil {
				t.Errorf("after an orderly end: %v, %v", err, r.b.Err())
			}
			if err := errors.Join(r.b.Close(), <-closed); err != nil {
				t.Errorf("closing: %v", err)
			}
			r.close()
			<-aEnd
		})
	}
}

// What a link keeps while it is lost is bounded, and sending waits.
func TestLostLinkKeepsABoundedWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		aEnd, bEnd := read(r.a, 0), make(chan error, 1)
		r.refuse(errors.New("no route"))
		r.cut()
		sent := 0
		poured := make(chan error, 1)
		body := make([]byte, 200<<10)
		const frames = 2 * replayLimit / (200 << 10)
		go func() {
			for range frames {
				if err := r.a.Stream(0).Send(true, framing.TypeData, body); err != nil {
					poured <- err
					return
				}
				sent++
			}
			poured <- nil
		}()
		synctest.Wait()
		if kept := r.a.conns.stream(0).out.kept.held(); kept > replayLimit+len(body)+16 || sent == frames {
			t.Errorf("%d frames sent, %d bytes kept of at most %d", sent, kept, replayLimit)
		}
		time.Sleep(30 * time.Second) // no heartbeat adds to it
		r.refuse(nil)
		go func() {
			for n := range frames {
				if _, _, err := r.b.Stream(0).Next(); err != nil {
					bEnd <- fmt.Errorf("frame %d: %w", n, err)
					return
				}
				if _, err := r.b.Stream(0).Body(); err != nil {
					bEnd <- err
					return
				}
			}
			bEnd <- nil
		}()
		if err := errors.Join(<-poured, <-bEnd); err != nil {
			t.Error(err)
		}
		r.close()
		<-aEnd
	})
}

// Both sides wait for as long as was agreed, and not longer.
func TestRejoinGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, 10*time.Minute)
		r.b.LimitRetry(3 * time.Minute)
		r.a.LimitRetry(3 * time.Minute)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		r.refuse(errors.New("no route"))
		start := time.Now()
		r.cut()
		for _, end := range []<-chan error{aEnd, bEnd} {
			err := <-end
			le := wantCode(t, "reader", err, framing.CodeLost)
			if le.Op != "join" {
				t.Errorf("%v", err)
			}
			if took := time.Since(start); took < 3*time.Minute || took > 3*time.Minute+time.Second {
				t.Errorf("gave up after %v", took)
			}
		}
		// 20 ms doubled up to 5 s: no more than one dial every 2.5 s after the first few.
		if r.dials > 12+int(3*time.Minute/(2500*time.Millisecond)) || r.dials < 30 {
			t.Errorf("%d dials in 3 minutes", r.dials)
		}
		r.close()
	})
}

// A link that is cut again and again without a byte in between is not dialled in
// a hot loop.
func TestFlappingBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		for range 600 { // a minute
			r.cut()
			time.Sleep(100 * time.Millisecond)
		}
		r.mu.Lock()
		dials := r.dials
		r.mu.Unlock()
		if dials > 60 {
			t.Errorf("%d dials in a minute", dials)
		}
		r.close()
		<-aEnd
		<-bEnd
	})
}

// The process at the other end was started again: it does not know the session,
// which is told at once.
func TestRestartedListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Hour)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		r.refuse(errors.New("rebooting"))
		r.cut()
		r.b.Abort(errors.New("killed"))
		<-bEnd
		_, _ = r.b.Close(), r.listener.Close()
		time.Sleep(time.Minute)
		listener, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right"), RetryFor: time.Hour})
		r.network.mu.Lock()
		r.inner = inner
		r.network.mu.Unlock()
		r.refuse(nil)
		err := <-aEnd
		if wantCode(t, "reader", err, framing.CodeLost); !errors.Is(err, ErrBegunAnew) {
			t.Errorf("the session is unknown there: %v", err)
		}
		far, err := listener.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next := <-r.anew
		if next.session.id != far.session.id {
			t.Error("another link than that which proved the code")
		}
		abort(next, far)
		_, _ = r.a.Close(), listener.Close()
	})
}

// A stranger who answers in the other side's place, as anybody can on a local network, and
// does not know the session ends nothing: he cannot prove the code either, which is asked of
// him once. The link goes on when the other side is there again.
func TestAStrangerDeclines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Hour)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		cfg := Config{Role: Receiver, Code: code(t, "7-other-code-here"), RetryFor: time.Hour}
		wrong := wrongAnswers(&cfg)
		stranger, inner := memoryServer(t, cfg)
		r.network.mu.Lock()
		own := r.inner
		r.inner = inner
		r.network.mu.Unlock()
		r.cut()
		time.Sleep(time.Minute)
		select {
		case err := <-aEnd:
			t.Fatalf("the link ended: %v", err)
		default:
		}
		if n := wrong.Load(); n != 1 {
			t.Errorf("the stranger had %d guesses", n)
		}
		r.network.mu.Lock()
		r.inner = own
		r.network.mu.Unlock()
		time.Sleep(time.Minute)
		if _, _, lost := r.a.Lost(); lost || epochOf(r.a) == 0 {
			t.Errorf("epoch %d, lost: %v", epochOf(r.a), lost)
		}
		_ = stranger.Close()
		r.close()
		<-aEnd
		<-bEnd
	})
}

// A peer that knows the code takes the place of a link that is lost, but not of a link
// that lives.
func TestRestartedDialler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Hour)
		cfg := Config{Role: Sender, Code: code(t, "7-right"), RetryFor: time.Hour, Connect: r.connect}
		_, err := Dial(t.Context(), "memory:1", cfg, 0)
		if le := new(Error); !errors.As(err, &le) || !errors.Is(err, le) || codeOf(errors.Unwrap(err)) != framing.CodeBusy {
			t.Errorf("beside a live link: %v", err)
		}
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		r.a.Abort(errors.New("killed"))
		r.cut()
		<-aEnd
		synctest.Wait()
		again, err := Dial(t.Context(), "memory:1", cfg, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-bEnd; !errors.Is(err, ErrBegunAnew) {
			t.Errorf("the old session ended with %v", err)
		}
		far, err := r.listener.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if far.session.id == r.b.session.id || far.session.id != again.session.id {
			t.Error("not a session of its own")
		}
		again.Abort(nil)
		far.Abort(nil)
		_, _ = again.Close(), far.Close()
		r.close()
	})
}

// However late the system lets a goroutine tell that the link was lost, that it goes on is
// told after that.
func TestLossIsToldBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Hour)
		aEnd, bEnd := read(r.a, 0), read(r.b, 0)
		r.mu.Lock()
		r.slow = true
		r.mu.Unlock()
		for range 5 {
			r.cut()
			time.Sleep(time.Minute)
		}
		if _, _, lost := r.a.Lost(); lost || epochOf(r.a) < 5 {
			t.Errorf("epoch %d, lost: %v", epochOf(r.a), lost)
		}
		r.close()
		<-aEnd
		<-bEnd
		var balance int
		for i, kind := range r.told {
			switch kind {
			case EventLost:
				balance++
			case EventRejoined:
				balance--
			}
			if balance < 0 {
				t.Fatalf("the end of an outage is told as number %d of %v, before its loss", i, r.told)
			}
		}
		if balance != 0 {
			t.Errorf("%d losses have no end in %v", balance, r.told)
		}
	})
}

// An unproven rejoin changes nothing; a proven one replaces the link at once,
// but only with a new epoch.
func TestRejoinMustBeProven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Hour)
		aEnd := read(r.a, 0)
		try := func(epoch uint32, spoil byte) error {
			secret := append([]byte(nil), r.a.session.secret...)
			secret[5] ^= spoil
			c := stranger(t, r.inner.dial)
			p, err := newSessionProver(rand.Reader, secret, c.exporter)
			if err != nil {
				t.Fatal(err)
			}
			defer c.raw.Close()
			_, _, err = dialHandshake(c, r.a.session.hello(framing.PurposeRejoin, epoch, 0), p)
			return err
		}
		wantCode(t, "a wrong secret", try(1, 1), framing.CodeCodeRefused)
		wantCode(t, "the epoch in force", try(0, 0), framing.CodeBusy)
		if epochOf(r.b) != 0 || r.count(EventLost) != 0 {
			t.Error("an unproven rejoin had an effect")
		}
		if err := try(7, 0); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if epochOf(r.b) != 7 {
			t.Errorf("epoch %d after a proven rejoin", epochOf(r.b))
		}
		r.close()
		<-aEnd
	})
}

// A peer that claims bytes that were never sent, or asks for some that it has
// acknowledged, breaks the rules.
func TestResumeOutOfRange(t *testing.T) {
	for _, claim := range []uint64{1 << 40, 3} {
		synctest.Test(t, func(t *testing.T) {
			r := newRejoining(t, time.Hour)
			sendBye(t, r.b.Stream(0), "some bytes")
			if err := r.b.conns.stream(0).out.acknowledge(5); err != nil {
				t.Fatal(err)
			}
			bEnd := read(r.b, 0)
			c := stranger(t, r.inner.dial)
			p, err := newSessionProver(rand.Reader, r.a.session.secret, c.exporter)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := dialHandshake(c, r.a.session.hello(framing.PurposeRejoin, 1, 0), p); err != nil {
				t.Fatal(err)
			}
			if _, err := c.exchange(claim); err != nil {
				t.Fatal(err)
			}
			wantCode(t, "reader", <-bEnd, framing.CodeProtocol)
			_ = c.raw.Close()
			r.close()
		})
	}
}
