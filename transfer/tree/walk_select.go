package tree

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// relative is the slash path of an item below its source, empty for the source itself.
func (r *walkRun) relative(at place) string {
	return filepath.ToSlash(at.display[min(r.above, len(at.display)):])
}

// excluded reports whether a rule leaves out an item below a source.
func (r *walkRun) excluded(at place, isFolder bool) bool {
	why := excludedBy(r.rules, r.relative(at), isFolder)
	if why != nil {
		r.leaveOut(at, why)
	}
	return why != nil
}

// otherFileSystem reports whether a folder is left out because it is on another file system
// than its source.
func (r *walkRun) otherFileSystem(at place, info Info) bool {
	if at.parent == 0 {
		r.dev = info.Dev
	}
	out := r.Select.OneFileSystem && info.Dev != r.dev
	if out {
		r.leaveOut(at, &Exclusion{Folder: true, By: FlagOneFileSystem})
	}
	return out
}

func (r *walkRun) leaveOut(at place, why *Exclusion) {
	if r.Excluded != nil {
		r.Excluded(at.display, why)
	}
}

// listed emits the listed part of the folder d.
func (r *walkRun) listed(at place, id uint64, d ground) error {
	skip := r.belowSource(at)
	for paths := at.part.listed; len(paths) > 0; {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		name, n, whole := nextListed(paths, skip)
		c := at.child(id, name)
		if whole {
			c.part.listed = paths[1:n]
		} else {
			c.part = part{some: true, listed: paths[:n]}
		}
		if err := r.child(c, d, &sight{DirName: DirName{Name: name}}); err != nil {
			return err
		}
		paths = paths[n:]
	}
	return nil
}

// absent reports an item that is not there, or that should be a folder and is not. If only
// paths below the item are listed, it reports those.
func (r *walkRun) absent(at place, err error) error {
	if !at.part.some { // else the item itself is not listed
		if err := r.problem(at.display, err); err != nil {
			return err
		}
	}
	return r.missed(at, at.part.listed, err)
}

// missed reports listed paths, at or below at, that are not there.
func (r *walkRun) missed(at place, paths []string, err error) error {
	source := withSlash(at.display[:len(at.display)-len(r.relative(at))])
	for _, p := range paths {
		if slash := separatorOf(source); slash != "/" {
			p = strings.ReplaceAll(p, "/", slash)
		}
		if err := r.problem(source+p, err); err != nil {
			return err
		}
	}
	return nil
}

// unmet reports listed paths in the folder at, which is taken whole, that the folder does
// not have; those with the names met it has. A look at each decides, because a file system
// that folds names takes other spellings.
func (r *walkRun) unmet(at place, d ground, met map[string]bool) error {
	skip := r.belowSource(at)
	for paths := at.part.listed; len(paths) > 0; {
		name, n, _ := nextListed(paths, skip)
		if !met[name] {
			if _, absent := d.look(r, &sight{DirName: DirName{Name: name}}); absent != nil {
				if err := r.missed(at, paths[:n], absent); err != nil {
					return err
				}
			}
		}
		paths = paths[n:]
	}
	return nil
}

// belowSource is at how many bytes of a listed path the names in the folder at begin.
func (r *walkRun) belowSource(at place) int {
	if n := len(r.relative(at)); n > 0 {
		return n + 1
	}
	return 0
}

// Below is the path of name in the folder at the user's path, as the user would write it.
func Below(path, name string) string { return withSlash(path) + name }

// withSlash is a folder's path before a name in it. What is in the current folder of a
// drive of Windows has no slash behind the drive.
func withSlash(display string) string {
	if endsInSlash(display) || filepath.Separator != '/' && len(display) == 2 && display[1] == ':' {
		return display
	}
	return display + separatorOf(display)
}

// separatorOf is what separates the names in a path as the user would go on with it: what
// does so at its end. Only on Windows there are two that may.
func separatorOf(display string) string {
	if filepath.Separator == '/' {
		return "/"
	}
	for i := len(display) - 1; i >= 0; i-- {
		if isSlash(display[i]) {
			return display[i : i+1]
		}
	}
	return "/"
}

func endsInSlash(path string) bool { return path != "" && isSlash(path[len(path)-1]) }

// errSelected ends the walk of SelectsNothing.
var errSelected = errors.New("something is selected")

// SelectsNothing reports whether the selection leaves out everything, so that a delivery
// would be empty by mistake. It walks until it meets the first item that is taken, or a
// problem that a delivery would report. A named folder is such an item, because it
// arrives even if nothing in it does. A folder whose contents alone are sent does not
// count, nor does one above a listed path. If there was nothing in them to leave out,
// SelectsNothing reports false.
func (w *Walk) SelectsNothing(ctx context.Context) (bool, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	list := w.Select.List
	left := list != nil && list.Empty()
	look := *w
	look.Metadata, look.Bare = Metadata{}, true
	look.Excluded = func(string, *Exclusion) { left = true }
	look.Problem = func(_ string, err error) {
		if list != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFolder)) {
			left = true
			return
		}
		stop(errSelected)
	}
	err := look.Run(ctx, func(it *Item) error {
		if it.Kind != FolderEnd && !it.passage {
			return errSelected
		}
		return nil
	})
	if errors.Is(err, errSelected) || errors.Is(context.Cause(ctx), errSelected) {
		return false, nil
	}
	return err == nil && left, err
}
