package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/send"
	"ferry/transfer/store"
	"ferry/transfer/tree"
)

// missingSource is a named source that is not there.
type missingSource struct {
	path string
	err  *transfer.Error
}

// sourceList is what a command line names to be sent.
type sourceList struct {
	sources []send.Source
	missing []missingSource
	folder  bool    // the last source looked at is a folder
	stores  *stores // that sources may be in; nil: in none
}

// add looks at one path. With contents a folder stands for its content. A path that does
// not exist is noted and is no error: the others are sent. A symbolic link is sent as a
// link, unless links are followed or the path ends in a slash.
func (l *sourceList) add(verb, path string, follow, contents bool) error {
	if path == "" {
		return usagef(verb, "an empty path names nothing")
	}
	if l.stores != nil && store.Is(path) {
		return l.addStored(verb, path)
	}
	look := os.Lstat
	if follow || endsInSlash(path) {
		look = os.Stat
	}
	info, err := look(path)
	if err != nil {
		code := framing.CodeUnreadable
		if errors.Is(err, fs.ErrNotExist) {
			code = framing.CodeVanished
		} else if isPattern(path) {
			code, err = framing.CodeVanished, errNoMatch
		}
		l.missing = append(l.missing, missingSource{path, &transfer.Error{Op: "looking for", Path: path, Code: code, Err: err}})
		return nil
	}
	l.folder = info.IsDir()
	if l.folder && contents {
		l.sources = append(l.sources, send.Source{Source: tree.Source{Path: path, Contents: true}})
		return nil
	}
	name, err := tree.BaseName(path)
	if err != nil {
		return usagef(verb, "%s cannot be sent under a name of its own: %v", path, err)
	}
	l.sources = append(l.sources, send.Source{Source: tree.Source{Path: path, Name: name}})
	return nil
}

// addStored looks at a place in a store. One that ends in a slash stands for what is in it,
// as for rsync, and so does a whole bucket.
func (l *sourceList) addStored(verb, place string) error {
	if err := checkPlace(verb, "PATH", place); err != nil {
		return err
	}
	s, err := store.OpenSource(l.stores.ctx, place, l.stores.options)
	if errors.Is(err, fs.ErrNotExist) {
		l.missing = append(l.missing, missingSource{place, &transfer.Error{Op: "looking for", Path: place, Code: framing.CodeVanished, Err: err}})
		return nil
	}
	if err != nil {
		return storeError(verb, err)
	}
	l.stores.keep(s)
	l.folder = s.Folder()
	l.sources = append(l.sources, send.Source{Source: s.Tree()})
	return nil
}

// anyPath stands for files and folders where commands are printed.
const anyPath = "PATH..."

// check refuses a command line if none of its sources exists, or if two items would land
// on one name: one of them would be lost, and chance would decide which. Items that the
// rules leave out do not count. Names below the top can only collide if their folders do.
func (l *sourceList) check(verb string, rules *filter.List) error {
	if len(l.sources) == 0 {
		var list []string
		for _, m := range l.missing {
			list = append(list, m.path+": "+bare(m.err.Err))
			if m.path == anyPath {
				return usagef(verb, "%s stands for what is sent, such as photos", anyPath)
			}
		}
		return usagef(verb, "nothing to send: %s", strings.Join(list, "; "))
	}
	if len(l.sources) < 2 {
		return nil
	}
	taken := make(map[string]string)
	take := func(name, path string) error {
		if first, double := taken[name]; double {
			return usagef(verb, "%s and %s would both land as %s", first, path, name)
		}
		taken[name] = path
		return nil
	}
	for _, s := range l.sources {
		if s.Contents && store.Is(s.Path) {
			continue // two items of one name fail in the delivery
		}
		if !s.Contents {
			if err := take(s.Name, s.Path); err != nil {
				return err
			}
			continue
		}
		entries, err := os.ReadDir(s.Path)
		if err != nil {
			continue // the delivery reports it
		}
		for _, e := range entries {
			if excluded, _ := rules.Match(e.Name(), e.IsDir()); excluded {
				continue
			}
			if err := take(e.Name(), tree.Below(s.Path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkInside refuses a destination that lies in a folder which is copied, unless the
// rules leave it out: the walk would find what the copy makes, without an end.
func (l *sourceList) checkInside(dest string, follow bool, rules *filter.List) error {
	for _, s := range l.sources {
		if store.Is(s.Path) {
			if store.Is(dest) && store.Inside(dest, s.Path) {
				return usagef("copy", "%s lies in %s, which would be copied into itself", dest, s.Path)
			}
			continue
		}
		if store.Is(dest) {
			continue
		}
		look := os.Lstat
		if follow || s.Contents {
			look = os.Stat
		}
		info, err := look(s.Path)
		if err != nil || !info.IsDir() {
			continue
		}
		rel, inside := within(s.Path, dest)
		if excluded, _ := rules.MatchPath(rel, true); inside && (!excluded || rel == ".") {
			return usagef("copy", "%s lies in %s, which would be copied into itself", dest, s.Path)
		}
	}
	return nil
}

func endsInSlash(path string) bool { return path != "" && os.IsPathSeparator(path[len(path)-1]) }
