package link

import (
	"testing"
	"time"

	"ferry/framing"
)

// The caller has its bytes back as soon as nobody needs them, once, and under no lock of
// ours: it may send from there.
func TestLoansAreGivenBack(t *testing.T) {
	const size = 64 << 10
	head := make([]byte, 20)
	frame := uint64(5 + len(head) + size)
	for name, c := range map[string]struct {
		window time.Duration
		size   int
		free   bool // by Lend itself
		then   func(*stream) error
	}{
		"a short one is copied":   {time.Hour, 100, true, nil},
		"nothing is to be kept":   {0, size, true, nil},
		"it has arrived":          {time.Hour, size, false, func(s *stream) error { return s.out.acknowledge(frame) }},
		"it had arrived":          {time.Hour, size, false, func(s *stream) error { return s.out.resend(new(channel), frame, &s.in) }},
		"half of it has arrived":  {time.Hour, size, false, func(s *stream) error { return s.out.acknowledge(frame / 2) }},
		"this side says no more":  {time.Hour, size, true, nil},
		"the link has ended":      {time.Hour, size, false, nil},
		"the caller got it wrong": {time.Hour, 1 << 20, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, err := Pipe(Config{Role: Sender, RetryFor: c.window}, Config{Role: Receiver})
			if err != nil {
				t.Fatal(err)
			}
			s := newStream(1, a, nil) // has no connection: all is kept that has to be
			switch name {
			case "this side says no more":
				a.EndWriting()
			case "the link has ended":
				a.Abort(nil)
			}
			back := 0
			err = s.Lend(framing.TypeData, head, make([]byte, c.size), func() {
				back++
				if !s.out.mu.TryLock() {
					t.Error("given back under the lock of the outlet")
					return
				}
				s.out.mu.Unlock()
			})
			want := 0
			if c.free {
				want = 1
			}
			if back != want {
				t.Errorf("given back %d times by Lend, %v", back, err)
			}
			if c.then != nil {
				if err := c.then(s); err != nil {
					t.Fatal(err)
				}
				if name != "half of it has arrived" {
					want = 1
				}
				if back != want {
					t.Errorf("given back %d times", back)
				}
			}
			if failed := err != nil; failed != (name == "the link has ended" || name == "the caller got it wrong") {
				t.Errorf("Lend: %v", err)
			}
			a.Abort(nil)
			b.Abort(nil)
			_, _ = a.Close(), b.Close()
		})
	}
}
