package progress

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"ferry/framing"
	"ferry/transfer"
)

// noted is an Observer that keeps what it is told, and does more where a test says so.
type noted struct {
	mu     sync.Mutex
	events []transfer.Event
	also   func(transfer.Event)
}

func (n *noted) Observe(e transfer.Event) {
	n.mu.Lock()
	n.events = append(n.events, e)
	n.mu.Unlock()
	if n.also != nil {
		n.also(e)
	}
}

// Events have the order of the changes that they tell of, whoever made them; and when the
// last call has returned, all were told.
func TestEventsHaveTheOrderOfTheChanges(t *testing.T) {
	saw := &noted{also: func(transfer.Event) { runtime.Gosched() }}
	track := New(saw)
	const goroutines, each = 8, 200
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				track.Announced(1, 10)
				track.Failed(&transfer.Error{Path: "p"})
				track.Moved(10, 10, "p")
			}
		})
	}
	wg.Wait()
	track.Refresh()
	failed := int64(0)
	var last transfer.Progress
	for _, e := range saw.events {
		switch e := e.(type) {
		case transfer.ItemFailed:
			failed++
		case transfer.Progress:
			if e.Done != failed {
				t.Fatalf("a progress of %d items done behind %d that failed", e.Done, failed)
			}
			if e.Bytes < last.Bytes || e.Items < last.Items {
				t.Fatalf("%+v behind %+v", e, last)
			}
			last = e
		}
	}
	if failed != goroutines*each || last.Done != failed || last.Bytes != 10*failed || last.Moved != last.Bytes || last.Total != last.Bytes {
		t.Errorf("told of %d failed items, and at last of %+v", failed, last)
	}
}

// An Observer that waits for another goroutine, which causes events itself, gets them.
func TestObserverIsCalledUnderNoLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		saw := &noted{}
		track := New(saw)
		saw.also = func(e transfer.Event) {
			if _, first := e.(transfer.PhaseChanged); first {
				<-release
			}
		}
		go track.Enter(transfer.PhaseScanning)
		synctest.Wait()
		track.Moved(1, 1, "a")
		track.Moved(1, 1, "b")
		track.Done(transfer.ItemDone{Status: transfer.StatusSame}, true)
		track.Enter(transfer.PhaseTransfer)
		if r := track.Final(); r.Moved != 2 || r.Same != 1 {
			t.Errorf("while an Observer thinks: %+v", r)
		}
		close(release)
		synctest.Wait()
		// Of two snapshots that waited, one is told.
		want := []string{"PhaseChanged", "Progress", "ItemDone", "PhaseChanged"}
		if len(saw.events) != len(want) {
			t.Fatalf("told %v", saw.events)
		}
		if p, ok := saw.events[1].(transfer.Progress); !ok || p.Bytes != 2 || p.Active != "b" {
			t.Errorf("told %+v", saw.events[1])
		}
		if _, ok := saw.events[2].(transfer.ItemDone); !ok {
			t.Errorf("told %+v", saw.events[2])
		}
	})
}

// What waits for a slow Observer is bounded: the goroutines that cause more wait too.
func TestSlowObserverIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		track := New(&noted{also: func(transfer.Event) { <-release }})
		go track.Tell(transfer.Notice{})
		synctest.Wait()
		gone := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 2 * mostUntold {
				track.Tell(transfer.Notice{})
				gone++
			}
		}()
		synctest.Wait()
		if n := len(track.teller.waiting); n != mostUntold+1 {
			t.Errorf("%d events wait, and %d were caused", n, gone)
		}
		close(release)
		<-done
	})
}

// An Observer may end its goroutine, as a failed test does. The others are told on.
func TestObserverThatEndsItsGoroutine(t *testing.T) {
	saw := &noted{}
	track := New(saw)
	saw.also = func(e transfer.Event) {
		if _, ok := e.(transfer.Notice); ok {
			runtime.Goexit()
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { track.Tell(transfer.Notice{}) })
	wg.Wait()
	track.Enter(transfer.PhaseSyncing)
	if len(saw.events) != 2 {
		t.Errorf("told %v", saw.events)
	}
}

func TestNobodyListens(t *testing.T) {
	track := New(nil)
	track.Be(framing.StateSending)
	if n := testing.AllocsPerRun(100, func() { track.Moved(1, 1, "p") }); n != 0 {
		t.Errorf("%v allocations for a progress that nobody is told", n)
	}
}
