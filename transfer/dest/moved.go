package dest

import (
	"context"
	"math"
	"path"
	"slices"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// maxMoved bounds the files that are noted as what may have been moved: 16 MiB or so.
const maxMoved = 1 << 16

// mostFormers is how many candidates there are for one file, and amongFormers among how many
// of the same size or time they are looked for.
const (
	mostFormers  = 8
	amongFormers = 64
)

// moved finds files that Prune would remove, by their size: storage.Moved. The destination is
// held against the sources once, when the first file is asked for. Nothing is hashed here. One
// goroutine uses it, the one that plans; what it returns is for any.
type moved struct {
	root  *tree.Dir
	way   way // of which the leave and the sources are used
	files map[likeness][]*movable
	noted int
}

// likeness is what files are found by: their size, and with timed their mtime too.
type likeness struct {
	size  int64
	mtime tree.Time
	timed bool
}

// movable is a file at the destination.
type movable struct {
	root *tree.Dir
	path string // below root
	was  tree.Info
}

// FindMoved has the Landing tell of files that p, with which Prune is to be called after the
// delivery, would remove. It comes before Start.
func (f *Folder) FindMoved(p *storage.Prune) storage.Moved {
	f.moved = &moved{root: f.nodes.root.dir, way: way{leave: p, storing: f.storing()}}
	return f.moved
}

// Find is storage.Moved's.
func (m *moved) Find(ctx context.Context, e *tree.Entry) (found []*storage.Former) {
	if m.files == nil {
		m.files = make(map[likeness][]*movable)
		m.look(ctx)
	}
	sized := m.files[likeness{size: e.Size}]
	timed := m.files[likeness{e.Size, e.MTime, true}]
	alone := sized
	if len(sized) > 1 {
		// What was moved keeps its time or its name. Of several that have neither, and files of
		// one size are many in some places, all would be hashed for each that is new.
		alone = nil
	}
	var all []*movable
	for _, likely := range [...]struct {
		of    []*movable
		named bool
	}{{timed, true}, {timed, false}, {sized, true}, {alone, false}} {
		for _, c := range likely.of[:min(len(likely.of), amongFormers)] {
			if len(all) < mostFormers && (!likely.named || path.Base(c.path) == e.Name) && !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	for _, c := range all {
		found = append(found, &storage.Former{Path: c.path, Open: c.open})
	}
	return found
}

// open opens the file, if it is still the one that was found.
func (c *movable) open() (storage.File, error) {
	dir, name := c.root, c.path
	for {
		first, rest, below := strings.Cut(name, "/")
		if !below {
			break
		}
		dir, name = dir.Child(first), rest
	}
	file, info, err := dir.OpenFile(name)
	if err == nil && !info.SameVersion(c.was) {
		_ = file.Close() // read only
		err = storage.ErrChanged
	}
	if err != nil {
		return nil, fail("opening", c.path, err)
	}
	return tree.NewContent(file, info), nil
}

// look notes what would go. What cannot be told is passed over: nothing depends on it.
func (m *moved) look(ctx context.Context) {
	m.way.find.Do(m.way.findSources)
	if m.way.unknown != nil {
		return
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	what := *m.way.leave
	what.Sources, what.Max, what.Backup = m.way.sources, math.MaxInt64, nil
	what.Failed, what.Left = func(string, error) {}, func(string) {}
	what.Removed = func(path string, info tree.Info) {
		if info.Kind != tree.File || info.Size == 0 {
			return
		}
		c := &movable{m.root, path, info}
		for _, by := range [...]likeness{{size: info.Size}, {info.Size, info.MTime, true}} {
			m.files[by] = append(m.files[by], c)
		}
		if m.noted++; m.noted >= maxMoved {
			enough()
		}
	}
	run := pruneRun{Prune: &what, ctx: ctx, mode: pruneRehearse, storing: m.way.storing}
	_ = run.run(m.root) // it ends early, or with a source that has nothing
}
