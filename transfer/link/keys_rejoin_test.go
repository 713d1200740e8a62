package link

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// newRejoiningByKey is newRejoining with keys in the place of the code, and a listener of
// either role.
func newRejoiningByKey(t *testing.T, host, client *testKey) *rejoining {
	t.Helper()
	r := &rejoining{anew: make(chan *Link, 1)}
	cfg := Config{Keys: admitting(host, client), RetryFor: time.Minute, Notify: r.notify, Capabilities: framing.CapPaths}
	var inner *hall
	r.listener, inner = memoryServer(t, cfg)
	r.network = &network{inner: inner}
	cfg.Role, cfg.Keys, cfg.Connect, cfg.Anew = Sender, trusting(host, newTestKey(77), client), r.connect, func(l *Link) { r.anew <- l }
	var err error
	if r.a, err = Dial(t.Context(), "memory:1", cfg, 0); err != nil {
		t.Fatal(err)
	}
	if r.b, err = r.listener.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// A link by keys grows, is joined again and moves as one by a code: by its session, without
// another signature.
func TestKeyLinkGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		var signed atomic.Int64
		r := newRejoiningByKey(t, host, client)
		host.after = func() { signed.Add(1) }
		client.after = host.after
		grow(t, r, 3)
		var seen atomic.Int64
		half, cut := make(chan struct{}), make(chan struct{})
		wait := flows(r, 3, 400, func(int) {
			n := seen.Add(1)
			if n == 500 {
				close(half)
			}
			if n >= 500 {
				<-cut // until then there is something to carry
			}
		})
		<-half
		r.cut()
		close(cut)
		time.Sleep(20 * time.Second) // of this test's own time: if all has come, only heartbeats notice
		if err := r.a.Move(t.Context(), r.onward(t)); err != nil {
			t.Errorf("move: %v", err)
		}
		if errs := wait(); len(errs) > 0 {
			t.Error(errs)
		}
		if signed.Load() != 0 {
			t.Errorf("%d signatures for a session that goes on", signed.Load())
		}
		if r.count(EventRejoined) == 0 {
			t.Errorf("it was never joined again: %v", r.told)
		}
		r.close()
	})
}

// Where the host was started again, it proves its key again and takes the key that proved the
// link before, with one signature of each.
func TestKeyLinkBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		r := newRejoiningByKey(t, host, client)
		var signed atomic.Int64
		client.after = func() { signed.Add(1) }
		_ = r.listener.Close()
		next, inner := memoryServer(t, Config{Keys: admitting(host, client), RetryFor: time.Minute})
		r.network.mu.Lock()
		r.network.inner = inner
		r.network.mu.Unlock()
		r.cut()
		anew := <-r.anew
		<-r.a.Done()
		if _, _, err := r.a.Stream(0).Next(); !errors.Is(err, ErrBegunAnew) {
			t.Errorf("the old link: %v", err)
		}
		far, err := next.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		talk(t, []*Link{anew}, []*Link{far})
		if signed.Load() != 1 || far.Who() != 0 {
			t.Errorf("%d signatures, of %v", signed.Load(), far.Who())
		}
		abort(anew, far)
		r.close()
		_ = next.Close()
	})
}

// With another host at the old one's address the link is dialled on, and nobody is shown a
// key.
func TestKeyLinkMeetsAnotherHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		r := newRejoiningByKey(t, host, client)
		old := r.inner
		_, inner := memoryServer(t, Config{Keys: admitting(newTestKey(2), client)})
		client.after = func() { t.Error("something was signed for another host") }
		r.network.mu.Lock()
		r.network.inner = inner
		r.network.mu.Unlock()
		r.cut()
		time.Sleep(10 * time.Second) // of this test's own time
		r.network.mu.Lock()
		r.network.inner = old
		r.network.mu.Unlock()
		time.Sleep(10 * time.Second)
		if _, _, lost := r.a.Lost(); lost {
			t.Error("it did not come back")
		}
		talk(t, []*Link{r.a}, []*Link{r.b})
		r.close()
	})
}

// A place of a lost link is for its own key: nobody else's peer ends it, not even one with
// the code. Its own begins anew there.
func TestSeatsOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, alice, bob := newTestKey(1), newTestKey(3), newTestKey(4)
		c := code(t, "7-some-code")
		l, inner := memoryServer(t, Config{Code: c, Keys: admitting(host, alice, bob), RetryFor: time.Hour, Links: 2})
		dial := func(role Role, n *network, key *testKey) (*Link, error) {
			cfg := Config{Role: role, RetryFor: time.Hour, Connect: n.connect}
			if cfg.Code = c; key != nil {
				cfg.Code, cfg.Keys = Code{}, trusting(host, key)
			}
			return Dial(t.Context(), "memory:1", cfg, 0)
		}
		var near, far []*Link
		nets := []*network{{inner: inner}, {inner: inner}}
		for i, role := range []Role{Sender, Receiver} {
			a, err := dial(role, nets[i], alice)
			if err != nil {
				t.Fatal(err)
			}
			b, err := l.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if b.Role() != otherRole(role) {
				t.Errorf("%v took %v", b.Role(), role)
			}
			near, far = append(near, a), append(far, b)
		}
		end := read(far[0], 0)
		nets[0].refuse(errors.New("no network"))
		nets[0].cut()
		time.Sleep(time.Second)
		other := &network{inner: inner}
		_, err := dial(Sender, other, bob)
		wantRemote(t, "bob", err, framing.CodeBusy)
		_, err = dial(Sender, other, nil)
		wantRemote(t, "the code", err, framing.CodeBusy)
		again, err := dial(Sender, other, alice)
		if err != nil {
			t.Fatal(err)
		}
		<-far[0].Done()
		b, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		talk(t, []*Link{again, near[1]}, []*Link{b, far[1]})
		abort(near[0], near[1], far[0], far[1], again, b)
		<-end
		_ = l.Close()
	})
}
