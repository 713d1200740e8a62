package tree

import (
	"fmt"
	"path/filepath"
)

// Look returns what Run would take a source for at this moment, as Admit would be told. The
// kind of an excluded source is 0.
func (w *Walk) Look(s *Source) (kind Kind, size int64, err error) {
	if s.Contents {
		return Root, 0, nil
	}
	if s.Away != nil {
		return w.lookAway(s)
	}
	if s.Within != nil {
		return w.lookWithin(s)
	}
	info, err := statPath(s.Path, w.Follow)
	if err != nil {
		return 0, 0, err
	}
	if w.Select.excludedSource(s.Path, info) != nil {
		return 0, 0, nil
	}
	follow := w.Follow
	if info.Kind == Symlink {
		if end, err := statPath(s.Path, true); err == nil && end.Kind == KindOther {
			info, follow = end, true
		}
	}
	switch {
	case info.Kind == File:
		return File, info.Size, nil
	case info.Kind != KindOther:
		return info.Kind, 0, nil
	case info.Special == 0 || !w.Metadata.Devices:
		return Stream, 0, nil
	}
	if follow {
		if named, err := statPath(s.Path, false); err != nil || named.Kind == Symlink {
			return Stream, 0, nil // see behindLink
		}
	}
	return info.Special, 0, nil
}

// admit asks whether a source may be emitted as what it is now.
func (r *walkRun) admit(source int, kind Kind, size int64) error {
	if r.Admit == nil {
		return nil
	}
	return r.Admit(source, kind, size)
}

func (r *walkRun) source(i int, s *Source) error {
	at := place{name: s.Name, display: s.Path, length: len(s.Name), part: r.Select.List.part()}
	r.rules, r.above = r.Select.Rules, len(withSlash(s.Path))
	if s.Away != nil {
		return r.away(i, s, at)
	}
	if s.Contents {
		at.name, at.length = "", 0
		if err := r.admit(i, Root, 0); err != nil {
			return r.problem(at.display, err)
		}
		return r.folder(at, Root, onDisk{r.Dirs.lazy(s.Path)})
	}
	if err := CheckName(s.Name); err != nil {
		return r.problem(at.display, err)
	}
	trimmed := trimSlashes(s.Path)
	parent, base := filepath.Split(trimmed)
	asFolder := trimmed != s.Path || base == "" || base == "." || base == ".."
	info, err := statPath(s.Path, r.Follow) // follows anyway before a slash
	switch {
	case err != nil:
		return r.problem(at.display, err)
	case info.Kind == Folder:
		if err := r.admit(i, Folder, 0); err != nil {
			return r.problem(at.display, err)
		}
		return r.sourceFolder(at, s.Path, info)
	case asFolder || at.part.some:
		return r.problem(at.display, fmt.Errorf("%q: %w", s.Path, errNotFolder))
	}
	if why := r.Select.excludedSource(s.Path, info); why != nil {
		r.leaveOut(at, why)
		return nil
	}
	if parent == "" {
		parent = "."
	}
	if r.lastDir == nil || r.lastPath != parent {
		r.lastPath, r.lastDir = parent, r.Dirs.lazy(parent)
	}
	return r.sourceLeaf(i, at, base, info)
}

// sourceLeaf emits a source that is base in lastDir, and no folder.
func (r *walkRun) sourceLeaf(i int, at place, base string, info Info) error {
	follow := r.Follow
	if info.Kind == Symlink {
		// Such a link stands for a stream: /dev/stdin, or a shell's <(command).
		if end, err := r.lastDir.stat(base, true); err == nil && end.Kind == KindOther {
			info, follow = end, true
		}
	}
	if info.Kind == KindOther && info.Special != 0 && r.Metadata.Devices && !r.behindLink(base, follow) {
		ok, err := r.special(info)
		switch {
		case err != nil:
			return err
		case !ok:
			// The user wants it as the special file that it is. To read it instead might
			// never end.
			return r.problem(at.display, ErrSpecial)
		}
		if err := r.admit(i, info.Special, 0); err != nil {
			return r.problem(at.display, err)
		}
		return r.leaf(at, r.lastDir, base, info)
	}
	if info.Kind == KindOther {
		if err := r.admit(i, Stream, 0); err != nil {
			return r.problem(at.display, err)
		}
		e := r.entry(at, Stream, info)
		e.Size = -1
		return r.emit(&Item{Entry: e, Dir: r.lastDir, Info: info, Display: at.display, base: base, follow: follow})
	}
	if err := r.admit(i, info.Kind, info.Size); err != nil {
		return r.problem(at.display, err)
	}
	return r.leaf(at, r.lastDir, base, info)
}

// behindLink reports whether a link leads to the named special file. Such a link stands
// for a stream.
func (r *walkRun) behindLink(base string, follow bool) bool {
	if !follow {
		return false
	}
	named, err := r.lastDir.stat(base, false)
	return err != nil || named.Kind == Symlink
}

// sourceFolder walks a named folder, if it is still the folder that info is about. If a
// link had taken its place, the link would be followed.
func (r *walkRun) sourceFolder(at place, path string, info Info) error {
	d := r.Dirs.lazy(path)
	now, err := d.Stat()
	if err == nil && !now.SameFile(info) {
		err = d.fail("open", "", ErrReplaced)
	}
	if err != nil {
		return r.problem(at.display, err)
	}
	return r.folder(at, Folder, onDisk{d})
}

// sourceWithin is source for one with Within.
func (r *walkRun) sourceWithin(i int, s *Source) error {
	at := place{name: s.Name, display: s.Path, length: len(s.Name), part: r.Select.List.part()}
	r.rules, r.above = r.Select.Rules, len(withSlash(s.Path))
	if s.Contents {
		at.name, at.length = "", 0
	} else if err := CheckName(s.Name); err != nil {
		return r.problem(at.display, err)
	}
	if s.Contents {
		d, err := s.Within.Folder(r.Dirs)
		if err == nil {
			_, err = d.Stat()
		}
		if err == nil {
			err = r.admit(i, Root, 0)
		}
		if err != nil {
			return r.problem(at.display, err)
		}
		return r.folder(at, Root, onDisk{d})
	}
	d, base, err := s.Within.Item(r.Dirs)
	var info Info
	if err == nil {
		info, err = d.Lstat(base)
	}
	switch {
	case err != nil:
	case info.Kind == KindOther:
		err = ErrSpecial
	case info.Kind == Folder:
		if err = r.admit(i, Folder, 0); err == nil {
			return r.folder(at, Folder, onDisk{d.Child(base)})
		}
	case at.part.some:
		err = fmt.Errorf("%q: %w", s.Path, errNotFolder)
	default:
		if why := r.Select.excludedSource(s.Path, info); why != nil {
			r.leaveOut(at, why)
			return nil
		}
		if err = r.admit(i, info.Kind, info.Size); err == nil {
			return r.leaf(at, d, base, info)
		}
	}
	return r.problem(at.display, err)
}
