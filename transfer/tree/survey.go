package tree

import (
	"container/list"
	"sync"
	"time"
)

// MaxSurveyed is how many items a Survey remembers, each folder as one more. So many take
// about 16 MiB.
const MaxSurveyed = 1 << 16

// Survey has several walks of the same sources read the names of each folder, and look at
// each item in it, once, if they come to it at about the same time. Each walk goes on by
// itself and waits for no other. It uses nothing that was seen before Walk.Fresh says.
//
// The folders that were come to last are kept, of so many items in all; a walk that falls
// behind by more looks for itself. A folder of more items is looked at by each walk.
type Survey struct {
	most int

	mu      sync.Mutex // guards what follows
	folders map[surveyKey]*list.Element
	recent  *list.List // of *surveyed, the one that was come to last at the back
	items   int        // in all of them, and they
}

// surveyKey is a folder. Where the system gives no identity, it is the path.
type surveyKey struct {
	display  string
	dev, ino uint64
	follow   bool
}

// surveyed is what was seen of a folder. Names do not change.
type surveyed struct {
	key   surveyKey
	begun time.Time // before anything of it was seen
	names []DirName

	mu   sync.Mutex // guards seen
	seen []Info     // one a name; its Kind is 0 if nobody has looked
}

// NewSurvey returns one that remembers at most so many items.
func NewSurvey(most int) *Survey {
	return &Survey{most: most, folders: make(map[surveyKey]*list.Element), recent: list.New()}
}

// find returns what was seen of a folder since then; nil if nothing was.
func (s *Survey) find(key surveyKey, since time.Time) *surveyed {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.folders[key]
	if e == nil || e.Value.(*surveyed).begun.Before(since) {
		return nil
	}
	s.recent.MoveToBack(e)
	return e.Value.(*surveyed)
}

// keep remembers a folder in the place of what was seen of it before.
func (s *Survey) keep(f *surveyed) {
	if f.cost() > s.most {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.folders[f.key]; old != nil {
		s.forget(old)
	}
	s.folders[f.key] = s.recent.PushBack(f)
	for s.items += f.cost(); s.items > s.most; {
		s.forget(s.recent.Front())
	}
}

// forget needs mu.
func (s *Survey) forget(e *list.Element) {
	f := s.recent.Remove(e).(*surveyed)
	delete(s.folders, f.key)
	s.items -= f.cost()
}

// cost is how many items f takes the place of: an empty folder takes some too.
func (f *surveyed) cost() int { return 1 + len(f.names) }

// glance is one item of a folder that is surveyed, or with nil of one that is not.
type glance struct {
	of *surveyed
	i  int
}

// namesIn returns the names in a folder, and what other walks see of it too; nil is nothing.
func namesIn(r *walkRun, at place, d *Dir, info Info) ([]DirName, *surveyed, error) {
	if r.Survey == nil {
		names, err := d.ReadNames()
		return names, nil, err
	}
	since := r.begun
	if r.Fresh != nil {
		since = r.Fresh()
	}
	key := surveyKey{at.display, info.Dev, info.Ino, r.Follow}
	if f := r.Survey.find(key, since); f != nil {
		return f.names, f, nil
	}
	f := &surveyed{key: key, begun: time.Now()}
	var err error
	if f.names, err = d.ReadNames(); err != nil {
		return nil, nil, err
	}
	f.seen = make([]Info, len(f.names))
	r.Survey.keep(f)
	return f.names, f, nil
}

// lookIn returns what an item in d is.
func lookIn(r *walkRun, d *Dir, s *sight) (info Info, err error) {
	g := &s.glance
	if g.of == nil {
		return d.stat(s.Name, r.Follow)
	}
	g.of.mu.Lock()
	info = g.of.seen[g.i]
	g.of.mu.Unlock()
	if info.Kind != 0 {
		return info, nil
	}
	if info, err = d.stat(s.Name, r.Follow); err == nil {
		g.of.mu.Lock()
		g.of.seen[g.i] = info
		g.of.mu.Unlock()
	}
	return info, err
}
