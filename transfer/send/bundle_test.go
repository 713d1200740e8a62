package send

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// The beginning of a bundle waits for the rest, but not for long, and what is whole does not
// wait.
func TestBundleWaitsForItsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		wants := newWants(progress.New(nil))
		f := &feeder{wants: wants, belt: newBelt(), bufs: newBuffers(ctx, 0, NewReading(0)), purse: newPurse(ctx, nil)}
		ended := make(chan error)
		go func() { ended <- f.run(ctx) }()
		var b bundler
		entries := make([]*entry, 9)
		for i := range entries {
			if i%3 == 0 {
				b.close() // three bundles of three
			}
			entries[i] = &entry{item: &tree.Item{Entry: tree.Entry{ID: uint64(i + 1), Kind: tree.File, Size: 10}}}
			b.add(entries[i])
		}
		b.close()
		ask := func(some ...*entry) {
			for _, e := range some {
				if err := wants.put(e, &framing.Want{ID: e.item.ID, Kind: framing.WantAll}); err != nil {
					t.Fatal(err)
				}
			}
		}
		pack := func(files int, within time.Duration) {
			t.Helper()
			began := time.Now()
			j := (<-f.belt.order).(*packJob)
			if took := time.Since(began); len(j.entries) != files || took > within {
				t.Errorf("a pack of %d files after %v, want %d within %v", len(j.entries), took, files, within)
			}
			<-f.belt.work
		}
		ask(entries[0], entries[1])
		time.Sleep(bundleDelay / 2)
		ask(entries[2])
		pack(3, 0) // it is whole
		ask(entries[3])
		time.Sleep(bundleDelay / 2)
		ask(entries[4])
		pack(2, bundleDelay/2) // the delay is that of the first
		ask(entries[7], entries[5], entries[8])
		pack(1, bundleDelay) // of the second bundle; others follow it
		pack(1, bundleDelay)
		pack(1, bundleDelay)
		stop(errors.New("over"))
		<-ended
	})
}
