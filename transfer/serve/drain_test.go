package serve

import (
	"errors"
	"net"
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

// slow begins an upload that takes a while. moving is closed when some of it has come, and
// ended has how it ended.
func (r *rig) slow(key link.Signer, path string, anew func(*link.Link)) (moving chan struct{}, ended chan error) {
	r.t.Helper()
	cfg := r.config(link.Sender, key)
	cfg.Anew = anew
	l, err := link.Dial(r.t.Context(), r.addr, cfg, 10*time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	moving, ended = make(chan struct{}), make(chan error, 1)
	o := sending(r.t, "", path)
	o.Limit, _ = transfer.NewLimit(8 << 20)
	var once sync.Once
	o.Observer = observer(func(e transfer.Event) {
		if p, ok := e.(transfer.Progress); ok && p.Moved > 2<<20 {
			once.Do(func() { close(moving) })
		}
	})
	go func() {
		_, err := send.Send(r.t.Context(), l, o)
		ended <- err
	}()
	return moving, ended
}

// A server that drains takes nobody new, and lets what runs come to its end.
func TestDrain(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key := r.allow(keys.Grant{Upload: true, Download: true})
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 8<<20), "f": "x"})
	moving, ended := r.slow(key, filepath.Join(src, "large"), nil)
	<-moving
	r.drain()
	for end := time.Now().Add(10 * time.Second); ; { // the port is closed a moment later
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			break
		}
		_ = c.Close()
		if time.Now().After(end) {
			t.Fatal("the port is open")
		}
	}
	if err := <-ended; err != nil {
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
		moving, ended := r.slow(key, filepath.Join(src, name), func(l *link.Link) { next <- l })
		<-moving
		r.drain()
		r.cut()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		r.ended <- nil

		r.next()
		if err := <-ended; !errors.Is(err, link.ErrBegunAnew) {
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
	r.ended = make(chan error, 1)
	r.serve(r.addr)
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
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 4<<20), "f": "x"})
	moving, ended := r.slow(key, filepath.Join(src, "large"), nil)
	<-moving
	cfg := r.config(link.Sender, key)
	if l, err := link.Dial(t.Context(), r.addr, cfg, 100*time.Millisecond); err == nil {
		t.Error("a second link")
		_ = l.Close()
	}
	r.events.until(t, func(e Event) bool { no, ok := e.(Refusal); return ok && no.Cause == CauseBusy })
	// Who waits comes in when there is a place.
	if _, err := r.put(key, "", filepath.Join(src, "f")); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A key that is taken out of the file is let in no more, and whoever is here with it is sent
// away.
func TestRecheck(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key, other := r.allow(keys.Grant{Upload: true}), r.allow(keys.Grant{Upload: true, Path: "other"})
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 8<<20)})
	moving, ended := r.slow(key, filepath.Join(src, "large"), nil)
	moving2, ended2 := r.slow(other, filepath.Join(src, "large"), nil)
	<-moving
	<-moving2
	r.forget(key)
	r.server.Recheck()
	if err := <-ended; code(err) != framing.CodeCodeRefused {
		t.Errorf("%v", err)
	}
	if _, err := r.put(key, "", filepath.Join(src, "large")); code(err) != framing.CodeCodeRefused {
		t.Errorf("%v", err)
	}
	if err := <-ended2; err != nil {
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
