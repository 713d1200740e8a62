package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Selection says what of its sources a walk takes. The zero Selection takes all.
type Selection struct {
	// Rules leave out what they match of what is below each source, and a source that
	// is no folder by its own name. A folder that is named is always entered. Nil
	// leaves out nothing.
	Rules Rules
	// IgnoreFile is the name of the rule file that a folder may have, such as
	// filter.IgnoreFile; with an empty name none are looked for. It needs Rules, which
	// may be empty ones. A rule file that cannot be read is a Problem, and nothing in
	// its folder is taken.
	IgnoreFile string
	// Sizes is about regular files, those among the sources too.
	Sizes SizeRange
	// OneFileSystem leaves out each folder that is on another file system than its
	// source. It knows nothing on Windows. Files are not looked at: on an overlay
	// they have other device numbers than their folders.
	OneFileSystem bool
	// List takes only these paths below the source, which must be one folder. Each is
	// taken whole, after the other rules, and so are the folders above it. A path that
	// is not there is a Problem.
	List *List
}

// IsZero reports that s takes all.
func (s *Selection) IsZero() bool { return *s == Selection{} }

// Enter returns the rules for what is in the folder d, where outer hold for d itself:
// the rules of d's rule file on top of outer, or outer if d has no such file. The path
// of d is relative to its source; display names d in errors. A rule file that is a link
// is not followed but an error.
func (s *Selection) Enter(outer Rules, d *Dir, path, display string) (Rules, error) {
	return s.enter(outer, path, display, func() (io.ReadCloser, error) {
		f, _, err := d.OpenFile(s.IgnoreFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			// A link fails in words that are about something else.
			if info, lerr := d.Lstat(s.IgnoreFile); lerr == nil && info.Kind != File {
				err = d.fail("open", s.IgnoreFile, ErrNotRegular)
			}
		}
		return f, err
	})
}

// EnterAway is Enter for a folder of an Away.
func (s *Selection) EnterAway(outer Rules, d AwayFolder, path, display string) (Rules, error) {
	return s.enter(outer, path, display, func() (io.ReadCloser, error) {
		found, err := d.Find(s.IgnoreFile)
		switch {
		case err != nil:
			return nil, err
		case found.Err != nil:
			return nil, found.Err
		case found.Info.Kind != File:
			return nil, ErrNotRegular
		}
		return found.Item.OpenStream(context.Background())
	})
}

func (s *Selection) enter(outer Rules, path, display string, open func() (io.ReadCloser, error)) (Rules, error) {
	if s.IgnoreFile == "" {
		return outer, nil
	}
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		return outer, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: nothing to lose
	if outer == nil {
		return nil, errNoRules
	}
	return outer.Enter(path, f, withSlash(display)+s.IgnoreFile)
}

// excludedSource returns why a source named path is left out, or nil.
func (s *Selection) excludedSource(path string, info Info) *Exclusion {
	if info.Kind == Folder {
		return nil
	}
	base, err := BaseName(path)
	if err != nil {
		return nil
	}
	return s.excludedNamed(base, info)
}

// excludedNamed is excludedSource of one that is called base.
func (s *Selection) excludedNamed(base string, info Info) *Exclusion {
	if why := excludedBy(s.Rules, base, false); why != nil {
		return why
	}
	return s.excludedSize(info)
}

// excludedBy returns why the rules leave out the item at path, or nil.
func excludedBy(rules Rules, path string, isFolder bool) *Exclusion {
	if rules == nil {
		return nil
	}
	if excluded, by := rules.Match(path, isFolder); excluded {
		return &Exclusion{Folder: isFolder, By: by}
	}
	return nil
}

func (s *Selection) excludedSize(info Info) *Exclusion {
	if info.Kind != File {
		return nil
	}
	if flag := s.Sizes.Excludes(info.Size); flag != "" {
		return &Exclusion{By: flag}
	}
	return nil
}

// SizeRange is --min-size and --max-size: which files are sent by their size. The
// zero SizeRange takes all. It says nothing about folders, links and streams.
type SizeRange struct {
	Min int64  // bytes; smaller files are left out
	Max *int64 // bytes; larger files are left out; nil is no limit
}

// Excludes returns the flag that leaves out a file of so many bytes, or nothing.
func (r SizeRange) Excludes(size int64) Flag {
	switch {
	case size < r.Min:
		return "--min-size"
	case r.Max != nil && size > *r.Max:
		return "--max-size"
	}
	return ""
}

// Exclusion is why an item was left out.
type Exclusion struct {
	Folder bool         // with all that is in it
	By     fmt.Stringer // a Flag, or the rule that Rules.Match names
}

// String names the rule or the flag, neither of them escaped.
func (e Exclusion) String() string { return e.By.String() }

// Flag is a flag of the command line that leaves out items.
type Flag string

func (f Flag) String() string { return string(f) }

// FlagOneFileSystem left out a folder for Selection.OneFileSystem.
const FlagOneFileSystem Flag = "--one-file-system"
