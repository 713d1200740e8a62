package serve

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/send"
)

// slow is an upload that takes as long as a test wants.
type slow struct {
	moving chan struct{} // closed when some of it has come; from then on it hardly moves
	ended  chan error    // has how it ended
	limit  *transfer.Limit
}

// goOn lets the rest come at once.
func (s *slow) goOn() { _ = s.limit.Set(0) }

// slow begins an upload, of 8 MiB or more.
func (r *rig) slow(key link.Signer, path string, anew func(*link.Link)) *slow {
	r.t.Helper()
	cfg := r.config(link.Sender, key)
	cfg.Anew = anew
	l, err := link.Dial(r.t.Context(), r.addr, cfg, enough)
	if err != nil {
		r.t.Fatal(err)
	}
	s := &slow{moving: make(chan struct{}), ended: make(chan error, 1)}
	o := sending(r.t, "", path)
	s.limit, _ = transfer.NewLimit(8 << 20)
	o.Limit = s.limit
	var once sync.Once
	o.Observer = observer(func(e transfer.Event) {
		if p, ok := e.(transfer.Progress); ok && p.Moved > 3<<20 {
			once.Do(func() {
				_ = s.limit.Set(64 << 10) // which is a minute and more for the rest
				close(s.moving)
			})
		}
	})
	go func() {
		_, err := send.Send(r.t.Context(), l, o)
		s.ended <- err
	}()
	return s
}

// A server that drains takes nobody new, and lets what runs come to its end.
func TestDrain(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key := r.allow(keys.Grant{Upload: true, Download: true})
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 8<<20), "f": "x"})
	large := r.slow(key, filepath.Join(src, "large"), nil)
	<-large.moving
	r.drain()
	for end := time.Now().Add(enough); ; { // the port is closed a moment later
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			break
		}
		_ = c.Close()
		if time.Now().After(end) {
			t.Fatal("the port is open")
		}
	}
	large.goOn()
	if err := <-large.ended; err != nil {
		t.Error(err)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	r.ended <- nil
	holds(t, r.root, map[string]string{"large": strings.Repeat("x", 8<<20)})
}

// A server that is ended in the middle says no goodbye: its client finds the next process at
// the same address, and goes on there with what the first one kept.
func TestNextProcessGoesOn(t *testing.T) {
	root := t.TempDir()
	r := start(t, root, nil)
	for _, grant := range []keys.Grant{{Upload: true}, {Upload: true, Download: true}} {
		key := r.allow(grant)
		name := map[bool]string{true: "both", false: "blind"}[grant.Download]
		content := strings.Repeat(name, 4<<20)
		src := write(t, t.TempDir(), map[string]string{name: content})
		next := make(chan *link.Link, 1)
		first := r.slow(key, filepath.Join(src, name), func(l *link.Link) { next <- l })
		<-first.moving
		r.drain()
		r.cut()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		r.ended <- nil

		r.next()
		if err := <-first.ended; !errors.Is(err, link.ErrBegunAnew) {
			t.Fatalf("%s: %v", name, err)
		}
		res, err := send.Send(t.Context(), <-next, sending(t, "", filepath.Join(src, name)))
		if err != nil || res.Moved >= int64(len(content)) || res.Delivered != 1 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
		holds(t, root, map[string]string{name: content})
		if err := removeAll(root); err != nil {
			t.Fatal(err)
		}
	}
}

// next has another process serve the same root at the same address.
func (r *rig) next() {
	r.t.Helper()
	disk, err := OpenDisk(r.root, DiskOptions{NoSync: true})
	if err == nil {
		r.server, err = New(Config{Root: disk, Host: r.host, Find: r.find, Verify: keys.Verify, Links: 8, RetryFor: time.Minute, Observe: r.events.observe})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.ended = make(chan error, 1)
	r.serve(ln)
}

// A client that was killed and started again at once has its unfinished file, though the link
// of the first one is still waited for.
func TestClientStartedAgain(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for _, grant := range []keys.Grant{{Upload: true}, {Upload: true, Download: true}, {Upload: true, Download: true, MaxLinks: 1}} {
		key := r.allow(grant)
		content := strings.Repeat("0123456789", 1<<20)
		src := write(t, t.TempDir(), map[string]string{"large": content})
		r.interrupt(key, filepath.Join(src, "large"))
		res, err := r.put(key, "", filepath.Join(src, "large"))
		if err != nil || res.Delivered != 1 || res.Moved >= int64(len(content)) {
			t.Errorf("%+v: %+v, %v", grant, res, err)
		}
		if err := removeAll(r.root); err != nil {
			t.Fatal(err)
		}
	}
}

// A key has as many links as its line says, and the server as many as it has places for.
func TestMaxLinks(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key := r.allow(keys.Grant{Upload: true, MaxLinks: 1})
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 8<<20), "f": "x"})
	large := r.slow(key, filepath.Join(src, "large"), nil)
	<-large.moving
	var second sync.WaitGroup
	second.Go(func() {
		// Who waits comes in when there is a place.
		if _, err := r.put(key, "", filepath.Join(src, "f")); err != nil {
			t.Error(err)
		}
	})
	r.events.until(t, func(e Event) bool { no, ok := e.(Refusal); return ok && no.Cause == CauseBusy })
	if _, err := os.Stat(filepath.Join(r.root, "f")); err == nil {
		t.Error("a second link")
	}
	large.goOn()
	if err := <-large.ended; err != nil {
		t.Error(err)
	}
	second.Wait()
}

// A key that is taken out of the file is let in no more, and whoever is here with it is sent
// away.
func TestRecheck(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key, other := r.allow(keys.Grant{Upload: true}), r.allow(keys.Grant{Upload: true, Path: "other"})
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 8<<20)})
	large, others := r.slow(key, filepath.Join(src, "large"), nil), r.slow(other, filepath.Join(src, "large"), nil)
	<-large.moving
	<-others.moving
	r.forget(key)
	r.server.Recheck()
	if err := <-large.ended; code(err) != framing.CodeCodeRefused {
		t.Errorf("%v", err)
	}
	if _, err := r.put(key, "", filepath.Join(src, "large")); code(err) != framing.CodeCodeRefused {
		t.Errorf("%v", err)
	}
	others.goOn()
	if err := <-others.ended; err != nil {
		t.Errorf("the other: %v", err)
	}
}

// The links of a key share its rate.
func TestRateIsShared(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	const rate = 2 << 20
	key := r.allow(keys.Grant{Upload: true, Rate: rate})
	src := write(t, t.TempDir(), map[string]string{"a": strings.Repeat("a", 2<<20), "b": strings.Repeat("b", 2<<20)})
	began := time.Now()
	var clients sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		clients.Go(func() {
			if _, err := r.put(key, "", filepath.Join(src, name)); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if took := time.Since(began); took < 1500*time.Millisecond {
		t.Errorf("4 MiB at 2 MiB/s took %v", took)
	}
}
