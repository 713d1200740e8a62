package dest

import (
	"sync"
	"time"

	"ferry/transfer/tree"
)

// grids are the steps in which file systems are known to keep times, in
// nanoseconds, the finest first. All round down. 1 is every time as it is.
var grids = [...]int64{1, 100, 1e3, 1e6, 1e7, 1e9, 2e9}

const (
	// racySlack: an item that was delivered within that time of its mtime may have been
	// changed since and look the same, on a grid of a second or more.
	racySlack = time.Minute
	// racyAge is racySlack where the file system shows no time of delivery.
	racyAge = 7 * 24 * time.Hour
)

// times knows how file systems of the destination keep times. It asks none of them: each
// time that is seen on one rules out the grids that the time is not on. On an ordinary
// file system the first change time rules out all. Safe for concurrent use.
type times struct {
	now func() time.Time

	mu     sync.Mutex
	coarse map[uint64]int // by device: the coarsest of grids that is not ruled out
}

// maxTimed bounds the devices that are remembered; on others no grid is known.
const maxTimed = 1024

func newTimes(now func() time.Time) *times {
	return &times{now: now, coarse: make(map[uint64]int)}
}

// keep reports whether the file system of item, given the mtime from, would show the mtime
// of item. That is so if item's is from rounded down to a grid that all times seen there
// are on.
func (t *times) keep(from tree.Time, item tree.Info) bool {
	return from == item.MTime || t.gridOf(from, item) > 0
}

// trust is keep, but also says no where a change after the delivery could look the same: on
// a grid of a second or more, unless the delivery came well after that second. A change is
// not seen where two clocks differ by more than racySlack, or where the file system shows
// no change times and nobody comes again for racyAge.
func (t *times) trust(from tree.Time, item tree.Info) bool {
	if from == item.MTime {
		return true
	}
	grid := t.gridOf(from, item)
	if grid < 1e9 {
		return grid > 0
	}
	if item.CTime == (tree.Time{}) || item.CTime == item.MTime {
		return t.now().Sub(from.Std()) > racyAge
	}
	return item.CTime.Std().Sub(from.Std()) > racySlack
}

// gridOf returns the coarsest grid, in nanoseconds, that the file system may have,
// if by it or a finer one from is kept as item says; else 0.
func (t *times) gridOf(from tree.Time, item tree.Info) int64 {
	to, coarsest := item.MTime, t.seen(item)
	if to.Sec > from.Sec || from.Sec-to.Sec > 1 {
		return 0 // no grid is that coarse
	}
	for _, grid := range grids[:coarsest+1] {
		if roundDown(from, grid) == to {
			return grids[coarsest]
		}
	}
	return 0
}

// seen takes note of the times of item, and returns the coarsest grid that they
// leave.
func (t *times) seen(item tree.Info) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, known := t.coarse[item.Dev]
	if !known {
		at = len(grids) - 1
	}
	for at > 0 && (roundDown(item.MTime, grids[at]) != item.MTime || roundDown(item.CTime, grids[at]) != item.CTime) {
		at--
	}
	if known || len(t.coarse) < maxTimed {
		t.coarse[item.Dev] = at
	}
	return at
}

func roundDown(t tree.Time, grid int64) tree.Time {
	if grid > 1e9 {
		return tree.Time{Sec: t.Sec &^ 1}
	}
	return tree.Time{Sec: t.Sec, Nsec: t.Nsec - t.Nsec%uint32(grid)}
}

// settle puts into then, which is foreseen of an item, the mtime that the file system will
// show. Now is the item as it is.
func (t *times) settle(then *tree.State, now *tree.State) {
	if t.keep(then.MTime, now.Info) {
		then.MTime = now.MTime
	}
}
