package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"ferry/transfer/storage"
)

// shortfall is what a destination could not do beyond single items. Nothing that was
// delivered is missing for it.
type shortfall struct {
	mu    sync.Mutex // guards what follows
	cause error      // of the first sync that was refused
	notes []storage.Remark
}

// refusedSync notes that the file system cannot sync. The first cause counts.
func (s *shortfall) refusedSync(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = err
	}
}

// unsynced is why what Finish covers may be lost in a power cut, though nothing
// failed; nil where all is on stable storage.
func (s *shortfall) unsynced() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// remarks are what else could not be done.
func (s *shortfall) remarks() []storage.Remark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notes)
}

// leftover remarks that at, or something in it, could not be removed for err. The first
// remark on a path counts.
func (s *shortfall) leftover(at string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.notes, func(r storage.Remark) bool { return r.Path == at }) {
		return
	}
	s.notes = append(s.notes, storage.Remark{Path: at, Err: fmt.Errorf("it is not needed any more, and could not be removed: %w", err)})
}

// drop removes the state folder of a volume if it is empty. If that is refused, as in a
// folder that can only be added to, a remark is made: nobody needs the state folder to go.
// A disk that fails shows later, when all is synced.
func (s *shortfall) drop(state *stateFolder) {
	err := state.remove()
	if err == nil {
		return
	}
	at := state.base.Path()
	if pe := new(fs.PathError); errors.As(err, &pe) {
		at = pe.Path
	}
	s.leftover(at, err)
}
