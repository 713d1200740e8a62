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

// volume is a part of the destination inside which files can be renamed: all of
// it, unless other file systems are mounted below. Each has state of its own.
type volume struct {
	// handle is the folder that holds the state folder, opened before the first write:
	// syncfs reports what failed since then.
	handle   *os.File
	doubtful bool // it may take metadata that it does not keep
	state    *stateFolder
	sync     *syncer

	noUnnamed atomic.Bool  // the file system has no unnamed files
	noLocks   atomic.Bool  // the file system has no locks
	sharing   atomic.Int32 // of blocks between files: 1 it does, -1 it does not, 0 not known

	rules nameRules
	links linkTrial
	items itemTrial
}

// doubts reports whether metadata of e may not be kept here though no call fails. That may
// be where the file system is not known to keep what it takes, or where it has no room for
// the time of e, and takes the nearest time that it has.
func (v *volume) doubts(e *tree.Entry) bool { return v.doubtful || !e.MTime.Common() }

// unchanged reports whether now is what before was. File servers and FUSE may show
// the change of a name, as a ctime, later than it was made. An item of several names
// has one set of times, and this delivery moves them when it replaces one name or
// gives one new metadata: of the others only size and identity tell.
func (v *volume) unchanged(now, before tree.Info) bool {
	several := before.Nlink > 1 && before.Kind != tree.Folder
	if v.doubtful || several {
		before.CTime = now.CTime
	}
	if several {
		before.MTime = now.MTime
	}
	return now.SameVersion(before)
}

// volumes are the parts of a destination that were seen.
type volumes struct {
	place   string // the destination as the user named it
	width   int    // calls to sync at a time
	unnamed bool   // the system can give a name to a file that has none
	short   *shortfall

	mu   sync.Mutex // guards what follows
	byID map[volumeID]*volume
}

// at returns the volume of dir, which is new if no folder of it was seen
// before: then its state goes into dir. It also returns what dir is.
func (s *volumes) at(dir *tree.Dir) (*volume, tree.Info, error) {
	handle, err := dir.Handle()
	if err != nil {
		return nil, tree.Info{}, err
	}
	info, err := dir.Stat()
	if err != nil {
		return nil, info, errors.Join(err, handle.Close())
	}
	id := volumeID{info.Dev, mountOf(handle)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.byID[id]; v != nil {
		return v, info, handle.Close()
	}
	trusted, doubtful, longest := nature(handle)
	v := &volume{handle: handle, doubtful: doubtful}
	v.state = &stateFolder{base: dir, id: id, place: filepath.Join(s.place, dir.Path()), short: s.short}
	v.sync = &syncer{handle: handle, trusted: trusted, width: s.width, short: s.short}
	v.rules.longest = longest
	v.noUnnamed.Store(!s.unnamed)
	s.byID[id] = v
	return v, info, nil
}

func (s *volumes) all() []*volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*volume, 0, len(s.byID))
	for _, v := range s.byID {
		list = append(list, v)
	}
	return list
}
