package link

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// A side that has ended its writing is heard to the end, also over a connection
// that was lost meanwhile, and hears the other one, which closes without a wait.
func TestEndWriting(t *testing.T) {
	for name, fault := range map[string]func(r *rejoining){
		"whole": func(*rejoining) {},
		"lost before the end": func(r *rejoining) {
			r.each(func(f *faulty) { f.mu.Lock(); f.hole = true; f.mu.Unlock() })
			r.cut()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRejoining(t, time.Minute)
				if err := errors.Join(r.a.Grow(t.Context(), 2), r.b.Grow(t.Context(), 2)); err != nil {
					t.Fatal(err)
				}
				const frames = 200
				heard := make(chan error, 1)
				go func() { heard <- drain(r.b, 0, 2*frames, 5, func(int) {}) }()
				for i := range 2 {
					if err := pour(r.b, i, frames, 1); err != nil {
						t.Fatal(err)
					}
				}
				fault(r)
				r.b.EndWriting()
				m := framing.Bye{Message: "nobody hears this"}
				if err := r.b.Stream(0).Send(true, framing.TypeBye, m.Append(nil)); err != nil {
					t.Errorf("sending after the end: %v", err)
				}
				for i := range 2 {
					if err := drain(r.a, i, frames, 1, func(int) {}); err != nil {
						t.Fatalf("stream %d: %v", i, err)
					}
				}
				if err := pour(r.a, 0, 2*frames, 5); err != nil {
					t.Fatal(err)
				}
				if err := <-heard; err != nil {
					t.Errorf("the other way: %v", err)
				}
				for i := range 2 {
					if _, _, err := r.a.Stream(i).Next(); !errors.Is(err, io.EOF) {
						t.Errorf("stream %d ends with %v, want EOF", i, err)
					}
				}
				begun := time.Now()
				if err := r.a.Close(); err != nil || time.Since(begun) > 0 {
					t.Errorf("closing took %v: %v", time.Since(begun), err)
				}
				if err := r.b.Close(); err != nil {
					t.Errorf("closing where writing had ended: %v", err)
				}
				r.close()
			})
		})
	}
}

// What waits for room when the writing ends goes nowhere: behind the end it would
// break the connection.
func TestEndWritingOverAWaitingSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		r.each(func(f *faulty) { f.mu.Lock(); f.hole = true; f.mu.Unlock() }) // the dialler's acknowledgements vanish
		read(r.a, 0)
		sent := make(chan error, 1)
		go func() {
			var err error
			for range 100 {
				err = errors.Join(err, r.b.Stream(0).Send(true, framing.TypeData, make([]byte, 200<<10)))
			}
			sent <- err
		}()
		synctest.Wait() // most are sent, one waits
		r.b.EndWriting()
		if err := <-sent; err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		if n := r.count(EventLost); n > 0 {
			t.Errorf("%d times lost", n)
		}
		r.close()
	})
}

// A side that parts waits for no acknowledgement.
func TestPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRejoining(t, time.Minute)
		end := read(r.b, 0)
		r.b.EndWriting()
		sent := make(chan error, 2)
		for range 2 {
			go func() {
				var err error
				for range 100 {
					err = errors.Join(err, r.a.Stream(0).Send(true, framing.TypeData, make([]byte, 200<<10)))
				}
				sent <- err
			}()
		}
		synctest.Wait() // most are sent, two wait
		r.a.Part()
		begun := time.Now()
		if err := errors.Join(<-sent, <-sent); err != nil || time.Since(begun) > 0 {
			t.Errorf("sending took %v: %v", time.Since(begun), err)
		}
		r.close()
		<-end
	})
}
