package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"ferry/transfer/tree"
)

// shortfall is what a destination could not do beyond single items. Nothing that was
// delivered is missing for it.
type shortfall struct {
	mu       sync.Mutex
	unsynced error // the first sync that was refused
	remarks  []Remark
}

// Remark is something at the destination that the user may want to see to.
type Remark struct {
	Path string // relative to the destination
	Err  error
}

// refusedSync notes that the file system cannot sync. The first cause counts.
func (s *shortfall) refusedSync(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsynced == nil {
		s.unsynced = err
	}
}

func (s *shortfall) remark(path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.remarks {
		if r.Path == path {
			return
		}
	}
	s.remarks = append(s.remarks, Remark{path, err})
}

// Unsynced is why what Finish covers may be lost in a power cut, though nothing
// failed and Options.NoSync was not given: the file system cannot sync. It is nil
// where all is on stable storage.
func (f *Folder) Unsynced() error {
	f.short.mu.Lock()
	defer f.short.mu.Unlock()
	return f.short.unsynced
}

// Remarks returns what else could not be done, after Finish.
func (f *Folder) Remarks() []Remark {
	f.short.mu.Lock()
	defer f.short.mu.Unlock()
	return append([]Remark(nil), f.short.remarks...)
}

// doubts reports whether metadata of e may not be kept here though no call fails: where
// the file system is not known to keep what it takes, or has no room for the time, of
// which it then takes the nearest that it has.
func (v *volume) doubts(e *tree.Entry) bool { return v.doubtful || !e.MTime.Common() }

// syncDir makes the names in dir durable, or takes note that the file system cannot.
func (v *volume) syncDir(dir *tree.Dir) error { return v.cover(dir.Sync()) }

// cover takes the result of a sync of something on the volume. One that was refused
// is made good by a sync of the whole file system, where that is to be relied on.
func (v *volume) cover(err error) error {
	if err == nil || !tree.Unsyncable(err) {
		return err
	}
	if v.trusted {
		all := v.syncAll()
		if all == nil || !tree.Unsyncable(all) {
			return all
		}
	}
	v.short.refusedSync(err)
	return nil
}

// syncDir is volume.syncDir for a folder of any volume.
func (f *Folder) syncDir(dir *tree.Dir) error {
	err := dir.Sync()
	if err == nil || !tree.Unsyncable(err) {
		return err
	}
	v, _, e := f.volumeAt(dir)
	if e != nil {
		v = f.root.vol
	}
	return v.cover(err)
}

// dropState removes the state folder of v if it is empty. Where that is refused, as
// in a folder that is only to be added to, it is remarked: nobody needs it to go. A disk
// that fails says so when all is synced, which is after that.
func (f *Folder) dropState(v *volume) {
	err := v.removeState()
	if err == nil {
		return
	}
	at := v.base.Path()
	if pe := new(fs.PathError); errors.As(err, &pe) {
		at = pe.Path
	}
	f.short.leftover(at, err)
}

// leftover remarks that at, or something in it, could not be removed for err.
func (s *shortfall) leftover(at string, err error) {
	s.remark(at, fmt.Errorf("it is not needed any more, and could not be removed: %w", err))
}
