package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// Away is a source that is in no file system of this machine. A walk takes of it what it
// would take of a folder on disk. Its methods, and those of its folders and items, may be
// called at the same time; what All and Names return belongs to the goroutine that asked.
type Away interface {
	// Top tells what the source is now. An error that is fs.ErrNotExist: nothing is there.
	Top() (Found, error)
}

// AwayFolder is a folder of an Away.
type AwayFolder interface {
	// Stat tells what the folder is, without what only AwayItem.Look can tell.
	Stat() (Info, error)
	// All yields what is in the folder in the bytewise order of the names. A name may come
	// twice, if one of the two has an Err. A Folder is asked for what is in it before the
	// next item is, or not at all. After an error nothing follows.
	All() iter.Seq2[Found, error]
	// Names is All for a caller that enters no folder meanwhile.
	Names() iter.Seq2[Found, error]
	// Find tells what has that name. An error that is fs.ErrNotExist: nothing has.
	Find(name string) (Found, error)
}

// Found is an item of an Away.
type Found struct {
	// Name is its name in its folder; of a Top it is not used. With an Err it may be any
	// path from there, for messages.
	Name string
	// Info is what was listed: Kind, which is File or Folder, Size, and what else is known.
	Info   Info
	Folder AwayFolder // of a folder
	Item   AwayItem   // nil of a folder of which there is no more to learn
	Err    error      // why it cannot be an item of a delivery
}

// AwayItem is an item of an Away. That of a file is a storage.Source too.
type AwayItem interface {
	// Look begins to look at the item and returns at once. Wait, which is called once,
	// returns what it is.
	Look() (wait func() (Info, error))
	// Stat tells what has its name now.
	Stat() (Info, error)
	// OpenStream opens it to be read once from its beginning.
	OpenStream(ctx context.Context) (io.ReadCloser, error)
}

// lookAway is Look for what is Away and sent under a name.
func (w *Walk) lookAway(s *Source) (kind Kind, size int64, err error) {
	top, err := s.Away.Top()
	switch {
	case err != nil:
		return 0, 0, err
	case top.Info.Kind == Folder:
		return Folder, 0, nil
	case w.Select.excludedNamed(s.Name, top.Info) != nil:
		return 0, 0, nil
	}
	return File, top.Info.Size, nil
}

// away walks a source that is Away.
func (r *walkRun) away(i int, s *Source, at place) error {
	err := r.awayTop(i, s, at)
	if err == nil {
		err = r.drain(0)
	}
	r.id -= r.queue.dropped
	r.queue = queue{}
	return err
}

func (r *walkRun) awayTop(i int, s *Source, at place) error {
	kind := Folder
	if s.Contents {
		kind, at.name, at.length = Root, "", 0
	} else if err := CheckName(s.Name); err != nil {
		return r.problem(at.display, err)
	}
	top, err := s.Away.Top()
	if err == nil {
		err = top.Err
	}
	switch {
	case err != nil:
		return r.problem(at.display, err)
	case top.Info.Kind == Folder:
		if err := r.admit(i, kind, 0); err != nil {
			return r.problem(at.display, err)
		}
		return r.folder(at, kind, &onAway{top.Folder, top.Item})
	case s.Contents || at.part.some:
		return r.problem(at.display, fmt.Errorf("%q: %w", s.Path, errNotFolder))
	}
	if why := r.Select.excludedNamed(s.Name, top.Info); why != nil {
		r.leaveOut(at, why)
		return nil
	}
	if err := r.admit(i, File, top.Info.Size); err != nil {
		return r.problem(at.display, err)
	}
	return (*onAway)(nil).leaf(r, at, &sight{found: &top}, top.Info)
}

// onAway is a folder of an Away.
type onAway struct {
	folder AwayFolder
	item   AwayItem // may be nil
}

func (g *onAway) stat() (Info, error) { return g.folder.Stat() }

func (g *onAway) enter(s *Selection, outer Rules, path, display string) (Rules, error) {
	return s.EnterAway(outer, g.folder, path, display)
}

func (g *onAway) names(*walkRun, place, Info) (iter.Seq2[sight, error], error) {
	return func(yield func(sight, error) bool) {
		for f, err := range g.folder.All() {
			if !yield(sight{DirName: DirName{Name: f.Name, Kind: f.Info.Kind}, found: &f}, err) {
				return
			}
		}
	}, nil
}

func (g *onAway) look(_ *walkRun, s *sight) (Info, error) {
	if s.found == nil {
		f, err := g.folder.Find(s.Name)
		if err != nil {
			return Info{}, err
		}
		s.found = &f
	}
	return s.found.Info, nil
}

func (g *onAway) child(_ *walkRun, s *sight) ground { return &onAway{s.found.Folder, s.found.Item} }

func (g *onAway) leaf(r *walkRun, at place, s *sight, info Info) error {
	it := &Item{Entry: r.entry(at, File, info), Info: info, Display: at.display, Away: s.found.Item}
	return r.put(it)
}

func (g *onAway) begin(r *walkRun, _ place, it *Item) error {
	it.Away = g.item
	return r.put(it)
}

func (g *onAway) end(r *walkRun, it *Item) error { return r.put(it) }

// queue is items of an Away on their way out, in the order of the walk, while what only a
// look at each can tell is waited for. An item that is gone by then is a problem, and has no
// number: those behind it get other ones than the walk gave them.
type queue struct {
	waiting []queued
	dropped uint64
	numbers map[uint64]uint64 // of the folders that were emitted and did not end, by the walk's
}

type queued struct {
	item *Item
	wait func() (Info, error) // nil: all is known
}

// lookAhead is how many items of an Away may wait.
const lookAhead = 256

// put emits an item of an Away in its turn.
func (r *walkRun) put(it *Item) error {
	q := queued{item: it}
	if it.Away != nil && !r.Bare {
		q.wait = it.Away.Look()
	}
	r.queue.waiting = append(r.queue.waiting, q)
	if r.Bare {
		return r.drain(0)
	}
	return r.drain(lookAhead)
}

// drain emits what waits, until so many items are left.
func (r *walkRun) drain(left int) error {
	q := &r.queue
	for len(q.waiting) > left {
		first := q.waiting[0]
		q.waiting[0] = queued{}
		q.waiting = q.waiting[1:]
		it := first.item
		if first.wait != nil {
			info, err := first.wait()
			if err == nil && info.Kind != it.Info.Kind {
				err = ErrReplaced
			}
			switch {
			case r.ctx.Err() != nil:
				return context.Cause(r.ctx)
			case err == nil:
				it.take(info)
			case it.Kind == File:
				q.dropped++
				if err := r.problem(it.Display, err); err != nil {
					return err
				}
				continue
			case r.Lost != nil && !errors.Is(err, fs.ErrNotExist):
				// The folder is known by what is in it.
				r.Lost(it.Display, []Loss{{What: AttrTime, Err: err}})
			}
		}
		q.number(it)
		if err := r.emit(it); err != nil {
			return err
		}
	}
	return nil
}

// take gives the item what a look told.
func (it *Item) take(info Info) {
	it.Info, it.Mode, it.MTime = info, info.Mode&0o777, info.MTime
	if it.Kind == File {
		it.Size = info.Size
	}
}

// number gives an item that is emitted its number, and its folder's.
func (q *queue) number(it *Item) {
	was := it.ID
	if parent, open := q.numbers[it.Parent]; open {
		it.Parent = parent
	}
	switch it.Kind {
	case FolderEnd:
		it.ID = q.numbers[was]
		delete(q.numbers, was)
	case Folder, Root:
		it.ID = was - q.dropped
		if q.numbers == nil {
			q.numbers = make(map[uint64]uint64)
		}
		q.numbers[was] = it.ID
	default:
		it.ID = was - q.dropped
	}
}
