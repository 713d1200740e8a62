package dest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"

	"ferry/transfer/tree"
)

// stateFolder is the folder on one volume in which all that is unfinished has its
// name. It is made when it is first needed, found again by the next delivery
// (state_find.go), and removed once it is empty.
type stateFolder struct {
	base  *tree.Dir // what it is in
	id    volumeID  // that it must be on
	place string    // base, for people
	short *shortfall

	// mu guards what follows, and is held while the folder is looked for, made or
	// removed. No other lock is taken under it.
	mu  sync.Mutex
	dir *tree.Dir           // nil: not looked for, or removed
	old map[string][]string // path hash → parts that earlier deliveries left
}

// open returns the folder, made if it is not there.
func (s *stateFolder) open() (*tree.Dir, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != nil {
		return s.dir, nil
	}
	dir, made, err := s.find()
	if err != nil {
		return nil, err
	}
	if !made && s.old == nil {
		if s.old, err = leftParts(dir); err != nil {
			return nil, fmt.Errorf("listing %s: %w", dir.Path(), err)
		}
	}
	s.dir = dir
	return dir, nil
}

// in calls do, which makes a name in the folder, and calls it once more if another
// delivery removed the folder, empty, just before. No lock is held meanwhile.
func (s *stateFolder) in(do func(dir *tree.Dir) error) error {
	for again := true; ; again = false {
		dir, err := s.open()
		if err != nil {
			return err
		}
		err = do(dir)
		if !again || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, tree.ErrReplaced) {
			return err
		}
		s.forget(dir)
	}
}

func (s *stateFolder) forget(dir *tree.Dir) {
	s.mu.Lock()
	if s.dir == dir {
		s.dir = nil
	}
	s.mu.Unlock()
}

// used reports whether the folder was opened, and not removed since.
func (s *stateFolder) used() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir != nil
}

// remove removes the state folders of this user that are empty.
func (s *stateFolder) remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.dir
	s.dir = nil
	var err error
	if used != nil {
		err = s.base.Remove(used.Name(), true)
	}
	for _, name := range []string{tree.PartialName, ownStateName()} {
		if name == "" || used != nil && used.Name() == name {
			continue
		}
		// One that a killed run left empty goes too, if it can.
		if info, e := s.base.Lstat(name); e == nil && info.Kind == tree.Folder && !foreign(info) {
			_ = s.base.Remove(name, true)
		}
	}
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// drop removes what a trial made in the folder dir. What the trial found holds also
// if that fails.
func (s *stateFolder) drop(dir *tree.Dir, temp string, folder bool) {
	if err := ignoreAbsent(dir.Remove(temp, folder)); err != nil {
		s.short.leftover(dir.Path(), err)
	}
}

// maxOldParts bounds the memory for parts of earlier deliveries; those beyond
// are not offered as a basis.
const maxOldParts = 1 << 16

// leftParts lists the parts in dir by the hash of their path.
func leftParts(dir *tree.Dir) (map[string][]string, error) {
	names, err := dir.ReadNames()
	if err != nil {
		return nil, err
	}
	old := make(map[string][]string)
	for _, n := range names[:min(len(names), maxOldParts)] {
		if key, suffix, ok := parseName(n.Name); ok && suffix == partSuffix {
			path, _, _ := strings.Cut(key, "-")
			old[path] = append(old[path], n.Name)
		}
	}
	return old, nil
}

// takeOld returns the parts of other versions of the path with this hash that stood
// there when the folder was opened, the last one to be tried first, and forgets them.
func (s *stateFolder) takeOld(path string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.old[path]
	delete(s.old, path)
	return old
}

// leaveOld offers a part that this delivery kept as a basis for another version
// of its path.
func (s *stateFolder) leaveOld(name string) {
	path, _, _ := strings.Cut(name, "-")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.old == nil {
		s.old = make(map[string][]string)
	}
	if len(s.old) < maxOldParts {
		s.old[path] = append(s.old[path], name)
	}
}

// tempName returns a name that nobody else has, for the state folder.
func tempName() string {
	var b [pathHashLen / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:]) + tempSuffix
}
