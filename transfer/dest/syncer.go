package dest

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Folders are remembered to be synced together. Beyond maxOwed of them, or that
// many kept files, the whole file system is, at the end. Where that does not
// serve, owedBatch of them are synced as soon as they are there.
const (
	maxOwed   = 32
	owedBatch = 256
)

// syncer makes what is on one volume durable. Locks: syncing, which is held during a
// syncfs, and mu, which is held for no call of the system. Neither is taken under the
// other.
type syncer struct {
	handle  *os.File // as volume.handle
	trusted bool     // syncfs reports write errors here
	width   int      // folders synced at a time
	short   *shortfall

	// syncing lets one syncfs run at a time: the kernel reports an error to one
	// caller only, and the next must see broken instead.
	syncing sync.Mutex
	broken  atomic.Pointer[storage.Error] // first failure of syncfs; it is not relied on again

	mu       sync.Mutex  // guards what follows
	owed     []*tree.Dir // folders to sync at the end
	kept     int         // files left as they are and synced one by one
	overflow bool        // more of either than maxOwed: sync the file system
}

// whole reports that a syncfs stands for an fsync of each file.
func (s *syncer) whole() bool { return s.trusted && s.broken.Load() == nil }

// all syncs the file system, and fails for ever once it failed.
func (s *syncer) all() error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	if err := s.broken.Load(); err != nil {
		return err
	}
	err := syncVolume(s.handle)
	if err != nil {
		e := &storage.Error{Kind: classify(err), Op: "syncing", Err: err}
		s.broken.Store(e)
		return e
	}
	return nil
}

// cover takes the result of a sync of something on the volume. One that was refused
// is made good by a sync of the whole file system, where that is to be relied on.
func (s *syncer) cover(err error) error {
	if err == nil || !tree.Unsyncable(err) {
		return err
	}
	if s.trusted {
		all := s.all()
		if all == nil || !tree.Unsyncable(all) {
			return all
		}
	}
	s.short.refusedSync(err)
	return nil
}

// dir makes the names in d durable, or takes note that the file system cannot.
func (s *syncer) dir(d *tree.Dir) error { return s.cover(d.Sync()) }

// owe takes note that d, which does not change any more, is to be durable.
func (s *syncer) owe(d *tree.Dir) error {
	var now []*tree.Dir
	s.mu.Lock()
	switch whole := s.whole(); {
	case whole && len(s.owed) == maxOwed:
		s.overflow = true
	case !whole && len(s.owed) >= owedBatch:
		now, s.owed = s.owed, nil
		fallthrough
	default:
		s.owed = append(s.owed, d)
	}
	s.mu.Unlock()
	return s.dirs(now)
}

// pay syncs what is owed.
func (s *syncer) pay() error {
	s.mu.Lock()
	owed, overflow := s.owed, s.overflow
	s.owed, s.overflow = nil, false
	s.mu.Unlock()
	if overflow {
		return s.cover(s.all())
	}
	return s.dirs(owed)
}

func (s *syncer) dirs(owed []*tree.Dir) error {
	errs := make([]error, len(owed))
	fanOut(len(owed), s.width, func(_, i int) { errs[i] = s.dir(owed[i]) })
	return errors.Join(errs...)
}

// keptMany counts a kept file, and reports that there are too many to sync one
// by one where a syncfs at the end covers them all.
func (s *syncer) keptMany() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept++
	s.overflow = s.overflow || s.kept > maxOwed
	return s.overflow
}

// allLater has pay sync the whole file system.
func (s *syncer) allLater() {
	s.mu.Lock()
	s.overflow = true
	s.mu.Unlock()
}

// fanOut calls do for 0 to n-1 from at most width goroutines, numbered from 0,
// and returns when all calls have.
func fanOut(n, width int, do func(worker, i int)) {
	width = min(n, width)
	if width <= 1 {
		for i := range n {
			do(0, i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range width {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(w, i)
			}
		})
	}
	wg.Wait()
}
