package serve

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer/keys"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A file that another delivery has is waited for, for lockedFor and no longer, and taken as
// soon as it is free. One of a client that is lost is free at once.
func TestLockedIsWaitedFor(t *testing.T) {
	locked := &storage.Error{Kind: storage.Locked, Op: "opening", Err: errors.New("another delivery has it")}
	for _, c := range []struct {
		name     string
		free     time.Duration // after which it is; 0: never
		lost     bool          // it is when the other one is asked to let go
		cut      time.Duration // the delivery ends meanwhile; 0: it does not
		least    time.Duration
		most     time.Duration
		succeeds bool
	}{
		{name: "held for ever", least: lockedFor, most: lockedFor + lockedLook},
		{name: "let go", free: 7 * time.Second, least: 7 * time.Second, most: 7*time.Second + lockedLook, succeeds: true},
		{name: "let go at the last moment", free: lockedFor, least: lockedFor, most: lockedFor, succeeds: true},
		{name: "of one who is lost", lost: true, succeeds: true},
		{name: "ended meanwhile", cut: 3 * time.Second, least: 3 * time.Second, most: 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				began, free := time.Now(), false
				if c.cut > 0 {
					time.AfterFunc(c.cut, stop)
				}
				m := &metered{landing: &landing{ctx: ctx, account: &account{begun: make(map[uint64]bool)}, again: func() bool { free = c.lost; return c.lost }}}
				p, err := m.begun(&tree.Entry{ID: 7}, func() (storage.Partial, error) {
					if free || c.free > 0 && time.Since(began) >= c.free {
						return nil, nil
					}
					return nil, locked
				})
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("it took %v", took)
				}
				if (err == nil) != c.succeeds || (p != nil) != c.succeeds || err != nil && storage.KindOf(err) != storage.Locked {
					t.Errorf("%v, %v", p, err)
				}
			})
		})
	}
}

// Two clients bring a file of one name at once. The second waits until the first has it there.
// If it is the same, it is done; if it is another one, it gets a name of its own. Nothing is
// there twice, and nothing is lost.
func TestSecondOfOneName(t *testing.T) {
	first := strings.Repeat("x", 12<<20)
	for _, c := range []struct {
		name    string
		grant   keys.Grant
		content string
		there   map[string]string
	}{
		{"same", keys.Grant{Upload: true, Download: true}, first, map[string]string{"large": first}},
		{"same, and replaces", keys.Grant{Upload: true, Download: true, Delete: true}, first, map[string]string{"large": first}},
		{"same, and blind", keys.Grant{Upload: true}, first, map[string]string{"large": first}},
		{"another", keys.Grant{Upload: true, Download: true}, "y" + first[1:], map[string]string{"large": first, "large (1)": "y" + first[1:]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, t.TempDir(), nil)
			one, two := r.allow(keys.Grant{Upload: true, Download: true}), r.allow(c.grant)
			src := write(t, t.TempDir(), map[string]string{"large": first, "second/large": c.content})
			// Of one size and time, so that both want the same unfinished file.
			when := time.Now().Add(-time.Hour)
			for _, f := range []string{"large", "second/large"} {
				if err := os.Chtimes(filepath.Join(src, f), when, when); err != nil {
					t.Fatal(err)
				}
			}
			large := r.slow(one, filepath.Join(src, "large"), nil)
			<-large.moving
			var second sync.WaitGroup
			second.Go(func() {
				result, err := r.put(two, "", filepath.Join(src, "second", "large"))
				if err != nil || result.Delivered+result.Same != 1 {
					t.Errorf("the second: %+v, %v", result, err)
				}
			})
			eventually(t, "the second does not come in", func() bool { n, _ := r.server.guests.count(); return n == 2 })
			if err := large.limit.Set(8 << 20); err != nil { // a second more, in which the other one finds it
				t.Fatal(err)
			}
			second.Wait()
			if err := <-large.ended; err != nil {
				t.Errorf("the first: %v", err)
			}
			holds(t, r.root, c.there)
		})
	}
}
