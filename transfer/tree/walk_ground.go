package tree

import "iter"

// ground is a folder that a walk is in: on disk, or of an Away. What is taken of it the walk
// decides, whichever it is.
type ground interface {
	// stat tells what the folder is.
	stat() (Info, error)
	// enter is Selection.Enter.
	enter(s *Selection, outer Rules, path, display string) (Rules, error)
	// names yields what is in the folder, in the bytewise order of the names. What info
	// says of it was just seen.
	names(r *walkRun, at place, info Info) (iter.Seq2[sight, error], error)
	// look tells what an item in the folder is.
	look(r *walkRun, s *sight) (Info, error)
	// child is a folder in it.
	child(r *walkRun, s *sight) ground
	// leaf emits an item in it that is no folder.
	leaf(r *walkRun, at place, s *sight, info Info) error
	// begin emits the folder itself, and end its end.
	begin(r *walkRun, at place, it *Item) error
	end(r *walkRun, it *Item) error
}

// sight is an item in a folder, as far as it was seen.
type sight struct {
	DirName
	glance // on disk
	found  *Found
}

// refused tells whether the item cannot be sent.
func (s *sight) refused() bool { return s.found != nil && s.found.Err != nil }

// onDisk is a folder on disk.
type onDisk struct{ d *Dir }

func (g onDisk) stat() (Info, error) {
	info, err := g.d.Stat()
	if err == nil && g.d.pool.loops(g.d) {
		err = errLoop
	}
	return info, err
}

func (g onDisk) enter(s *Selection, outer Rules, path, display string) (Rules, error) {
	return s.Enter(outer, g.d, path, display)
}

func (g onDisk) names(r *walkRun, at place, info Info) (iter.Seq2[sight, error], error) {
	names, seen, err := namesIn(r, at, g.d, info)
	return func(yield func(sight, error) bool) {
		for i, n := range names {
			if !yield(sight{DirName: n, glance: glance{seen, i}}, nil) {
				return
			}
		}
	}, err
}

func (g onDisk) look(r *walkRun, s *sight) (Info, error) { return lookIn(r, g.d, s) }

func (g onDisk) child(r *walkRun, s *sight) ground {
	c := g.d.Child(s.Name)
	c.follow = r.Follow && s.Kind != Folder
	return onDisk{c}
}

func (g onDisk) leaf(r *walkRun, at place, s *sight, info Info) error {
	return r.leaf(at, g.d, s.Name, info)
}

func (g onDisk) begin(r *walkRun, at place, it *Item) error {
	it.Extra = r.extra(at, g.d, "", it.Info)
	it.Dir = g.d
	return r.emit(it)
}

func (g onDisk) end(r *walkRun, it *Item) error {
	it.Dir = g.d
	return r.emit(it)
}
