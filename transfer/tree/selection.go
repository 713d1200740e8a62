package tree

import (
	"context"
	"errors"
	"io/fs"
)

// Selection says what of its sources a walk takes. The zero Selection takes all.
type Selection struct {
	// Filter leaves out what its rules say about what is below each source, and
	// about a source that is no folder, by its own name. A folder that is named
	// is always entered.
	Filter *Filter
	// IgnoreFile is the name of the rule file that a folder may have, such as
	// the constant IgnoreFile; none are looked for if it is empty. One that
	// cannot be read is a Problem, and nothing in its folder is taken.
	IgnoreFile string
	// Sizes is about regular files, those among the sources too.
	Sizes SizeRange
	// OneFileSystem leaves out each folder that is on another file system than
	// its source. It knows nothing on Windows. Files are not looked at: on an
	// overlay they have other device numbers than their folders.
	OneFileSystem bool
	// List takes only these paths below the source, which is the only one and a
	// folder, each whole and after the other rules. Folders above them are made.
	// One that is not there is a Problem.
	List *List
}

// IsZero reports that s takes all.
func (s *Selection) IsZero() bool { return *s == Selection{} }

// ExcludedSource returns why a source named path is left out, or nil.
func (s *Selection) ExcludedSource(path string, info Info) *Exclusion {
	if info.Kind == Folder {
		return nil
	}
	base, err := BaseName(path)
	if err != nil {
		return nil
	}
	if excluded, rule := s.Filter.Match(base, false); excluded {
		return &Exclusion{Rule: rule}
	}
	return s.excludedSize(info)
}

func (s *Selection) excludedSize(info Info) *Exclusion {
	if info.Kind != File {
		return nil
	}
	if flag := s.Sizes.Excludes(info.Size); flag != "" {
		return &Exclusion{Flag: flag}
	}
	return nil
}

// Exclusion is why an item was left out: a rule, or else a flag.
type Exclusion struct {
	Folder bool  // with all that is in it
	Rule   *Rule // nil: Flag it is
	Flag   string
}

// FlagOneFileSystem is the Flag of a folder that Selection.OneFileSystem left out.
const FlagOneFileSystem = "--one-file-system"

// String names the rule or the flag. Neither is escaped.
func (e Exclusion) String() string {
	if e.Rule != nil {
		return e.Rule.String()
	}
	return e.Flag
}

// ReadRules reads the rule file name in d, links not followed; see the function
// ReadRules. The display name of the folder goes before it in errors and in
// Rule.Origin. Without such a file there are no rules.
func (d *Dir) ReadRules(name, display string) (rules []Rule, err error) {
	f, _, err := d.OpenFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		// A link fails in words that are about something else.
		if info, lerr := d.Lstat(name); lerr == nil && info.Kind != File {
			err = d.fail("open", name, ErrNotRegular)
		}
		return nil, err
	}
	defer f.Close() // only read: nothing to lose
	return ReadRules(f, display+name)
}

// enterRules takes the rule file of d, if it has one, for what is in d.
func (r *walkRun) enterRules(at place, d *Dir) error {
	if r.Select.IgnoreFile == "" {
		return nil
	}
	rules, err := d.ReadRules(r.Select.IgnoreFile, withSlash(at.display))
	for i := range rules {
		if err == nil {
			err = rules[i].Mistake()
		}
	}
	if err == nil {
		r.filter, err = r.filter.Enter(r.relative(at), rules)
	}
	return err
}

// relative is the path of an item below its source, empty for that itself.
func (r *walkRun) relative(at place) string {
	return at.display[min(r.above, len(at.display)):]
}

// excluded reports whether a rule leaves out an item below a source.
func (r *walkRun) excluded(at place, isFolder bool) bool {
	excluded, rule := r.filter.Match(r.relative(at), isFolder)
	if excluded {
		r.leaveOut(at, &Exclusion{Folder: isFolder, Rule: rule})
	}
	return excluded
}

// otherFileSystem reports whether a folder below a source is left out for where
// it is.
func (r *walkRun) otherFileSystem(at place, info Info) bool {
	if at.parent == 0 {
		r.dev = info.Dev
	}
	out := r.Select.OneFileSystem && info.Dev != r.dev
	if out {
		r.leaveOut(at, &Exclusion{Folder: true, Flag: FlagOneFileSystem})
	}
	return out
}

func (r *walkRun) leaveOut(at place, why *Exclusion) {
	if r.Excluded != nil {
		r.Excluded(at.display, why)
	}
}

// listed emits what the list takes of the folder d.
func (r *walkRun) listed(at place, id uint64, d *Dir) error {
	skip := r.belowSource(at)
	for paths := at.only; len(paths) > 0; {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		name, n, whole := nextListed(paths, skip)
		c := at.child(id, name)
		if !whole {
			c.only = paths[:n]
		} else if n > 1 {
			c.due = paths[1:n]
		}
		if err := r.child(c, d, DirName{Name: name}); err != nil {
			return err
		}
		paths = paths[n:]
	}
	return nil
}

// absent reports an item that is not there, or no folder though it should be: by
// the names that the list has for it, if it has some below.
func (r *walkRun) absent(at place, err error) error {
	if at.only != nil {
		return r.missed(at, at.only, err)
	}
	if err := r.problem(at.display, err); err != nil {
		return err
	}
	return r.missed(at, at.due, err)
}

// missed reports listed paths, at or below at, that are not there.
func (r *walkRun) missed(at place, paths []string, err error) error {
	source := withSlash(at.display[:len(at.display)-len(r.relative(at))])
	for _, p := range paths {
		if err := r.problem(source+p, err); err != nil {
			return err
		}
	}
	return nil
}

// unmet reports what the list has of the folder at, which is taken whole, and the
// folder has not. A look decides: a file system that folds names takes other spellings.
func (r *walkRun) unmet(at place, d *Dir, names []DirName) error {
	there := make(map[string]bool, len(names))
	for _, n := range names {
		there[n.Name] = true
	}
	skip := r.belowSource(at)
	for paths := at.due; len(paths) > 0; {
		name, n, _ := nextListed(paths, skip)
		if !there[name] {
			if _, absent := d.stat(name, r.Follow); absent != nil {
				if err := r.missed(at, paths[:n], absent); err != nil {
					return err
				}
			}
		}
		paths = paths[n:]
	}
	return nil
}

// belowSource is where the names of the folder at begin in a listed path, in bytes.
func (r *walkRun) belowSource(at place) int {
	if n := len(r.relative(at)); n > 0 {
		return n + 1
	}
	return 0
}

func withSlash(display string) string {
	if endsInSlash(display) {
		return display
	}
	return display + "/"
}

func endsInSlash(path string) bool { return path != "" && isSlash(path[len(path)-1]) }

// errSelected ends the walk of SelectsNothing.
var errSelected = errors.New("something is selected")

// SelectsNothing looks whether the selection leaves out all there is, and so
// whether a delivery would be empty by mistake. It walks until it meets the first
// item that is taken, or a problem that a delivery would report. A named folder is
// such an item, since it arrives even if nothing in it does. Folders of which only
// the contents are sent, and those above a listed path, do not count; nothing at
// all in them is nothing left out, and then the selection is not to blame.
func (w *Walk) SelectsNothing(ctx context.Context) (bool, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	list := w.Select.List
	left := list != nil && list.Empty()
	look := *w
	look.Metadata = Metadata{}
	look.Excluded = func(string, *Exclusion) { left = true }
	look.Problem = func(_ string, err error) {
		if list != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFolder)) {
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
