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
	if s.Contents {
		at.name, at.length = "", 0
		if err := r.admit(i, Root, 0); err != nil {
			return r.problem(at.display, err)
		}
		return r.folder(at, Root, r.Dirs.lazy(s.Path))
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
	return r.folder(at, Folder, d)
}
