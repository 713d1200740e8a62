package dest

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"ferry/transfer/tree"
)

// volumeID tells apart what rename and link cannot cross: file systems, and on
// Linux mounts of one file system.
type volumeID struct{ dev, mount uint64 }

// Folders are remembered to be synced together. Beyond maxOwed of them, or that
// many kept files, the whole file system is, at the end. Where that does not
// serve, owedBatch of them are synced as soon as they are there.
const (
	maxOwed   = 32
	owedBatch = 256
)

// volume is a part of the destination inside which files can be renamed: all of
// it, unless other file systems are mounted below. Each has state of its own.
type volume struct {
	id    volumeID
	base  *tree.Dir // holds the state folder
	place string    // base, for people
	// handle is base, opened before the first write: syncfs reports what
	// failed since then.
	handle    *os.File
	trusted   bool         // syncfs reports write errors here
	doubtful  bool         // it may take metadata that it does not keep
	short     *shortfall   // the Folder's
	width     int          // likewise
	noUnnamed atomic.Bool  // the file system has no unnamed files
	noLocks   atomic.Bool  // the file system has no locks
	sharing   atomic.Int32 // of blocks between files: 1 it does, -1 it does not, 0 not known
	longest   int64        // bytes of a name, 0 unknown
	rules     nameRules
	links     linkTrial
	items     itemTrial

	// syncing lets one syncfs run at a time: the kernel reports an error to one
	// caller only, and the next must see broken instead.
	syncing sync.Mutex
	broken  atomic.Pointer[Error] // first failure of syncfs; it is not relied on again

	mu       sync.Mutex // guards what follows
	state    *tree.Dir
	old      map[string][]string // path hash → parts that earlier deliveries left
	owed     []*tree.Dir         // folders to sync at the end
	kept     int                 // files left as they are and synced one by one
	overflow bool                // more of either than maxOwed: sync the file system
}

// volumeAt returns the volume of dir, which is new if no folder of it was seen
// before: then its state goes into dir. It also returns what dir is.
func (f *Folder) volumeAt(dir *tree.Dir) (*volume, tree.Info, error) {
	handle, err := dir.Handle()
	if err != nil {
		return nil, tree.Info{}, err
	}
	info, err := dir.Stat()
	if err != nil {
		return nil, info, errors.Join(err, handle.Close())
	}
	id := volumeID{info.Dev, mountOf(handle)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v := f.volumes[id]; v != nil {
		return v, info, handle.Close()
	}
	v := &volume{id: id, base: dir, place: filepath.Join(f.named, dir.Path()), handle: handle, short: f.short, width: f.width}
	v.trusted, v.doubtful, v.longest = nature(handle)
	v.noUnnamed.Store(!f.unnamed)
	f.volumes[id] = v
	return v, info, nil
}

// whole reports that a syncfs stands for an fsync of each file.
func (v *volume) whole() bool { return v.trusted && v.broken.Load() == nil }

// syncAll syncs the file system, and fails for ever once it failed.
func (v *volume) syncAll() error {
	v.syncing.Lock()
	defer v.syncing.Unlock()
	if err := v.broken.Load(); err != nil {
		return err
	}
	err := syncVolume(v.handle)
	if err != nil {
		e := &Error{Kind: classify(err), Op: "syncing", Err: err}
		v.broken.Store(e)
		return e
	}
	return nil
}

// owe takes note that dir, which does not change any more, is to be durable.
func (v *volume) owe(dir *tree.Dir) error {
	var now []*tree.Dir
	v.mu.Lock()
	switch whole := v.whole(); {
	case whole && len(v.owed) == maxOwed:
		v.overflow = true
	case !whole && len(v.owed) >= owedBatch:
		now, v.owed = v.owed, nil
		fallthrough
	default:
		v.owed = append(v.owed, dir)
	}
	v.mu.Unlock()
	return v.syncDirs(now)
}

// pay syncs what is owed.
func (v *volume) pay() error {
	v.mu.Lock()
	owed, overflow := v.owed, v.overflow
	v.owed, v.overflow = nil, false
	v.mu.Unlock()
	if overflow {
		return v.cover(v.syncAll())
	}
	return v.syncDirs(owed)
}

func (v *volume) syncDirs(owed []*tree.Dir) error {
	errs := make([]error, len(owed))
	fanOut(len(owed), v.width, func(_, i int) { errs[i] = v.syncDir(owed[i]) })
	return errors.Join(errs...)
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
