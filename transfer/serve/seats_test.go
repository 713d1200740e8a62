package serve

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/keys"
	"ferry/transfer/link"
)

// silent is somebody with a key who proves it and says nothing more, until the test ends.
func (r *rig) silent(role link.Role, own link.Signer) *link.Link {
	r.t.Helper()
	l, err := r.dial(role, own)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	return l
}

// Who has proved himself and then neither offers nor asks for anything holds no place for
// long, in either direction, and is told why it is his no more.
func TestNothingOffered(t *testing.T) {
	for _, role := range []link.Role{link.Sender, link.Receiver} {
		r := start(t, t.TempDir(), func(c *Config) { c.Links, c.offerIn = 1, 2*time.Second }) // the next one offers sooner than that
		idle, busy := r.allow(keys.Grant{Upload: true, Download: true}), r.allow(keys.Grant{Upload: true})
		l := r.silent(role, idle)
		src := write(t, t.TempDir(), map[string]string{"f": "f"})
		if _, err := r.put(busy, "", filepath.Join(src, "f")); err != nil {
			t.Errorf("role %v: the only place was not free for the next: %v", role, err)
		}
		over := r.events.until(t, func(e Event) bool { d, ok := e.(Delivery); return ok && d.Err != nil }).(Delivery)
		if code(over.Err) != framing.CodeTimeout || over.Exit == 0 {
			t.Errorf("role %v: it ended with %v, exit %d", role, over.Err, over.Exit)
		}
		_ = l.Close()
	}
}

// A key whose line has no max-links leaves half of the places to others. Its next link waits,
// as at any limit.
func TestOneKeyLeavesPlaces(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) { c.Links = 4 })
	many, other := r.allow(keys.Grant{Upload: true}), r.allow(keys.Grant{Upload: true})
	r.silent(link.Sender, many)
	r.silent(link.Sender, many)
	ctx, stop := context.WithCancel(t.Context())
	var third sync.WaitGroup
	third.Go(func() {
		if l, err := link.Dial(ctx, r.addr, r.config(link.Sender, many), enough); err == nil {
			_ = l.Close()
			t.Error("the third link of the key found a place")
		}
	})
	defer third.Wait()
	defer stop()
	no := r.events.until(t, func(e Event) bool { _, ok := e.(Refusal); return ok }).(Refusal)
	if no.Cause != CauseBusy {
		t.Errorf("refused for %v", no.Cause)
	}
	src := write(t, t.TempDir(), map[string]string{"f": "f"})
	if _, err := r.put(other, "", filepath.Join(src, "f")); err != nil {
		t.Errorf("another key found no place: %v", err)
	}
}
