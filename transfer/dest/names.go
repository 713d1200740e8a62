package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"ferry/transfer/tree"
)

// trait is something about a name that some file systems do not take.
type trait struct {
	what  string // it, for people, after "a name"
	has   func(name string) bool
	probe string // the shortest name that has it and no other
}

// traits are what Windows' file systems refuse, and those that keep text (FAT, exFAT,
// NTFS, CIFS). What drops a dot or a space at the end takes one name for another.
var traits = [...]trait{
	{"with ':'", contains(':'), "x:x"},
	{"with '?'", contains('?'), "x?x"},
	{"with '*'", contains('*'), "x*x"},
	{"with '<'", contains('<'), "x<x"},
	{"with '>'", contains('>'), "x>x"},
	{"with '|'", contains('|'), "x|x"},
	{"'\"'", contains('"'), "x\"x"},
	{"with a backslash", contains('\\'), "x\\x"},
	{"with a control character", func(name string) bool { return strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) }, "x\x01x"},
	{"with a dot at its end", func(name string) bool { return strings.HasSuffix(name, ".") }, "x."},
	{"with a space at its end", func(name string) bool { return strings.HasSuffix(name, " ") }, "x "},
	{"with bytes that are not UTF-8", func(name string) bool { return !utf8.ValidString(name) }, "x\xffx"},
	{"that Windows has for a device", tree.NamesDevice, "aux"},
}

func contains(c byte) func(string) bool {
	return func(name string) bool { return strings.IndexByte(name, c) >= 0 }
}

// nameError: the file system does not take a name.
type nameError struct {
	name string
	err  error // what it said, without a path; may be nil
}

func (e *nameError) Error() string {
	for _, t := range traits {
		if t.has(e.name) {
			return "the file system takes no name " + t.what
		}
	}
	if errors.Is(e.err, syscall.ENAMETOOLONG) {
		return fmt.Sprintf("the name is too long for the file system: %d bytes", len(e.name))
	}
	return "the file system does not take this name: " + e.err.Error()
}

func (e *nameError) Unwrap() []error {
	if e.err == nil {
		return []error{tree.ErrName}
	}
	return []error{tree.ErrName, e.err}
}

// nameRules knows which traits a volume takes in a name. Each is asked about once, when
// the first name comes that has it.
type nameRules struct {
	longest int64 // bytes of a name, 0: not known

	mu    sync.Mutex // guards what follows, and is held for no call of the system
	asked [len(traits)]bool
	bad   [len(traits)]bool
}

// check fails if the volume of state is known, or found now, not to take name.
func (s *nameRules) check(state *stateFolder, name string) error {
	if s.longest > 0 && int64(len(name)) > s.longest {
		return &nameError{name, syscall.ENAMETOOLONG}
	}
	if plain(name) {
		return nil
	}
	for i := range traits {
		if !traits[i].has(name) {
			continue
		}
		s.mu.Lock()
		asked, bad := s.asked[i], s.bad[i]
		s.mu.Unlock()
		if !asked {
			bad = state.refuses(traits[i].probe)
			s.mu.Lock()
			s.asked[i], s.bad[i] = true, bad
			s.mu.Unlock()
		}
		if bad {
			return &nameError{name: name}
		}
	}
	return nil
}

// plain reports that name has no trait, at the cost that each file can bear.
func plain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c >= utf8.RuneSelf || strings.IndexByte(`:?*<>|"\`, c) >= 0 {
			return false
		}
	}
	last := name[len(name)-1]
	return last != '.' && last != ' ' && !tree.NamesDevice(name)
}

// refuses tries to make a folder of that name in s.
func (s *stateFolder) refuses(name string) (refused bool) {
	// What cannot be tried is left to the attempt with the item itself.
	_ = s.in(func(dir *tree.Dir) error {
		err := dir.Mkdir(name, 0o700)
		switch {
		case ofName(err):
			refused = true
			return nil
		case errors.Is(err, fs.ErrNotExist):
			// Of a folder that another delivery removed, if not about the name.
			if _, there := s.base.Lstat(dir.Name()); there == nil {
				refused = true
				return nil
			}
			return err
		case err != nil && !errors.Is(err, fs.ErrExist):
			return err
		}
		if short := strings.TrimRight(name, ". "); short != name {
			_, err := dir.Lstat(short)
			refused = err == nil
		}
		s.drop(dir, name, true)
		return nil
	})
	return refused
}

// ofName reports that err is about a name alone.
func ofName(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EILSEQ) || errors.Is(err, syscall.ENAMETOOLONG)
}

// errTakesNothing: the folder that an item is to go into cannot be written to.
var errTakesNothing = fmt.Errorf("nothing can be put into its folder: %w", fs.ErrPermission)

// errToldBefore is the same for each further item: it has no cause of its own.
var errToldBefore = errors.New("nothing can be put into its folder")

// entrance is whether a folder that was there takes items. It is asked when the first
// one is to be put there.
type entrance struct {
	ask  sync.Once
	shut error
	told bool // used by the goroutine that calls MayPut
}

// check fails with errTakesNothing, and when it did before with errToldBefore. That the
// file system takes no writes it says each time: it ends the delivery.
func (e *entrance) check(dir *tree.Dir) error {
	e.ask.Do(func() { e.shut = dir.MayWrite() })
	switch {
	case errors.Is(e.shut, syscall.EROFS):
		return e.shut
	case !errors.Is(e.shut, fs.ErrPermission):
		return nil
	case e.told:
		return errToldBefore
	}
	e.told = true
	return errTakesNothing
}
