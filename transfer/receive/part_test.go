package receive

import (
	"slices"
	"testing"
	"testing/synctest"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// slowPartial is a Partial whose Seal lasts until done says so.
type slowPartial struct {
	storage.Partial
	calls []string // in their order; of the goroutine that makes the call
	done  chan struct{}
}

func (p *slowPartial) Seal(*tree.Entry, int64, checksum.Digest) error {
	p.calls = append(p.calls, "seal")
	<-p.done
	p.calls = append(p.calls, "sealed")
	return nil
}

func (p *slowPartial) Discard(bool) error {
	p.calls = append(p.calls, "discard")
	return nil
}

// A Partial is sealed when nobody uses it, and discarded after that. Whoever asks for it
// meanwhile gets none, and does not wait for the disk.
func TestPartIsSealedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowPartial{done: make(chan struct{})}
		var part part
		if part.hold() != nil {
			t.Fatal("the zero part has a Partial")
		}
		part.begin(p)
		for range 2 {
			if part.hold() != p {
				t.Fatal("two cannot use it at a time")
			}
		}
		sealed, ended := make(chan bool, 1), make(chan error, 1)
		go func() {
			ok, err := part.seal(nil, sum{})
			sealed <- ok && err == nil
		}()
		part.let()
		synctest.Wait()
		if len(p.calls) > 0 || part.hold() != nil {
			t.Fatalf("%v while it is used; or somebody may begin to use it", p.calls)
		}
		part.let()
		synctest.Wait()
		go func() { ended <- part.end(true) }()
		synctest.Wait()
		if !slices.Equal(p.calls, []string{"seal"}) || part.hold() != nil || part.peek() != nil {
			t.Fatalf("%v before the seal is done; or somebody may begin to use it", p.calls)
		}
		close(p.done)
		if !<-sealed || <-ended != nil || !slices.Equal(p.calls, []string{"seal", "sealed", "discard"}) {
			t.Errorf("ended with %v", p.calls)
		}
		if ok, err := part.seal(nil, sum{}); ok || err != nil {
			t.Errorf("sealed after its end: %v, %v", ok, err)
		}
	})
}

// A Partial whose end is asked for before its seal began is not sealed.
func TestPartIsNotSealedAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowPartial{done: make(chan struct{})}
		var part part
		part.begin(p)
		part.hold()
		sealed, ended := make(chan bool, 1), make(chan error, 1)
		go func() {
			ok, _ := part.seal(nil, sum{})
			sealed <- ok
		}()
		synctest.Wait()
		go func() { ended <- part.end(false) }()
		synctest.Wait()
		part.let()
		if <-sealed || <-ended != nil || !slices.Equal(p.calls, []string{"discard"}) {
			t.Errorf("ended with %v", p.calls)
		}
	})
}
