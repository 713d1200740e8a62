package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// refreshEvery is how often the file is looked at, at most.
const refreshEvery = time.Second

// Why a key is refused.
var (
	errUnknownKey = errors.New("the key is unknown here")
	ErrExpired    = errors.New("the key has expired")
)

// Store is the keys of those who may come, as a file has them. It may be used from many
// goroutines.
type Store struct {
	path string

	mu      sync.Mutex // guards what follows
	entries []entry
	byKey   map[string]Grant
	tried   stamp // of the file as it was last read, well or badly
	looked  time.Time
	told    string // the last error that Refresh returned and that still holds
}

// stamp tells whether a file is still the one that was read.
type stamp struct {
	size     int64
	modified time.Time
	inode    uint64
	mode     fs.FileMode
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{info.Size(), info.ModTime(), inodeOf(info), info.Mode()}
}

// OpenStore reads the file at path, at most 1 MiB. Errors: it is absent, others can change
// it or its folder, a line is bad.
func OpenStore(path string) (*Store, error) {
	s := &Store{path: path, byKey: make(map[string]Grant)}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Find returns what the holder of key, which is in wire format, may do at the time now. It
// touches no disk. The error wraps errUnknownKey, or ErrExpired, beside which the grant is
// told too.
func (s *Store) Find(key []byte, now time.Time) (Grant, error) {
	s.mu.Lock()
	g, ok := s.byKey[string(key)]
	s.mu.Unlock()
	switch {
	case !ok:
		return Grant{Fingerprint: Fingerprint(key)}, errUnknownKey
	case !g.Expires.IsZero() && !now.Before(g.Expires):
		return g, fmt.Errorf("%w: on %s", ErrExpired, g.Expires.Format(time.DateTime))
	}
	return g, nil
}

// Grants are those of all keys, in the order of the file.
func (s *Store) Grants() []Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Grant, 0, len(s.entries))
	for _, e := range s.entries {
		all = append(all, e.grant)
	}
	return all
}

// Refresh reads the file again if it has changed, and looks at it at most once a second.
// After an error, which comes once for each change, the old keys hold.
func (s *Store) Refresh() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.looked) < refreshEvery {
		return false, nil
	}
	s.looked = now
	if !s.isOther() {
		return false, nil
	}
	changed, err = s.read()
	if err == nil {
		s.told = ""
	} else if err.Error() == s.told {
		err = nil
	} else {
		s.told = err.Error()
	}
	return changed, err
}

// isOther reports whether the file may not be the one that was read.
func (s *Store) isOther() bool {
	info, err := os.Stat(s.path)
	if err != nil {
		return true
	}
	// A file that was written just before it was read may have changed since unseen, since
	// clocks of disks are coarse.
	return stampOf(info) != s.tried || recent(info.ModTime(), s.looked)
}

// recent reports whether a file may be written to again without another time.
func recent(modified, now time.Time) bool {
	age := now.Sub(modified)
	return age < 2*refreshEvery && age > -refreshEvery
}

// Reload reads the file again in any case. After an error the old keys hold.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.read()
	if err == nil {
		s.told = "" // the same mistake is told again when it is made again
	}
	return err
}

// read takes the keys of the file if all of it is good. The caller holds mu.
func (s *Store) read() (changed bool, err error) {
	entries, at, err := readAuthorized(s.path)
	s.tried, s.looked = at, time.Now()
	if err != nil {
		return false, s.failed(err)
	}
	byKey := make(map[string]Grant, len(entries))
	for _, e := range entries {
		byKey[string(e.key)] = e.grant
	}
	changed = len(byKey) != len(s.byKey)
	for key, g := range byKey {
		changed = changed || s.byKey[key] != g
	}
	s.entries, s.byKey = entries, byKey
	return changed, nil
}

func (s *Store) failed(err error) error {
	return fmt.Errorf("keys in %s: %w", s.path, err)
}

// readAuthorized reads the file, and says which one it was, also beside an error.
func readAuthorized(path string) (all []entry, at stamp, err error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, at, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, at, err
	}
	at = stampOf(info)
	if err := checkTrusted(info); err != nil {
		return nil, at, err
	}
	if err := checkFolders(path); err != nil {
		return nil, at, err
	}
	data, err := readUpTo(f, maxFile)
	if err != nil {
		return nil, at, err
	}
	all, err = parseAuthorized(data)
	return all, at, err
}
