package object

import (
	"errors"
	"sync"
	"sync/atomic"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// files takes files with content: storage.Files and storage.Renamer.
type files struct {
	s       *store
	nodes   *nodes
	find    *finder
	dress   *dresser
	leases  *leases
	budget  *budget
	parting chan struct{}
	part    int64 // bytes of a part, at least
	note    int64 // bytes between two notes of how far an upload is
	verify  bool  // what is published is read back
	work    inWork
	wrote   atomic.Bool  // something was begun
	uses    atomic.Int64 // of parts in memory
}

// inWork has the partials that are neither published nor discarded.
type inWork struct {
	mu  sync.Mutex
	all map[*partial]bool
}

func (w *inWork) add(p *partial) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all[p] = true
}

func (w *inWork) remove(p *partial) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, p)
}

func (w *inWork) list() (all []*partial) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.all {
		all = append(all, p)
	}
	return all
}

// take empties it.
func (w *inWork) take() (all []*partial) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.all {
		all = append(all, p)
	}
	clear(w.all)
	return all
}

// Begin is storage.Files'. Of a file that fits in one part, and of a stream, the store hears
// nothing yet.
func (f *files) Begin(e *tree.Entry, _ bool) (storage.Partial, error) { return f.begin(e, "") }

// BeginAs is storage.Renamer's.
func (f *files) BeginAs(e *tree.Entry, as string, _ bool) (storage.Partial, error) {
	if as == e.Name {
		as = ""
	}
	return f.begin(e, as)
}

func (f *files) begin(e *tree.Entry, as string) (storage.Partial, error) {
	at, err := f.nodes.parent(e)
	if err == nil && as != "" {
		_, err = f.nodes.named(e, as)
	}
	if err != nil {
		return nil, fail("starting", f.nodes.path(e), err)
	}
	size := e.Size
	if e.Kind == tree.Stream || size < 0 {
		size = -1
	}
	p := &partial{f: f, at: at, as: as, pieces: make(map[int]*piece), redone: make(map[int]bool)}
	var ok bool
	if p.lay, ok = layoutOf(size, f.part); !ok {
		return nil, p.fail("starting", errTooLong)
	}
	switch m := f.dress.meta(e); {
	case size < 0:
		p.up = newUpload(f.s, p.key(), p.lay, m, nil)
	case size > p.lay.part && size > checksum.ChunkSize:
		if p.up, err = f.upload(p, m); err != nil {
			return nil, p.fail("starting", err)
		}
	default:
		p.as = "" // what is written at once gets its name when it is published
	}
	f.work.add(p)
	f.wrote.Store(true)
	return p, nil
}

// upload gets the lease for a file, and goes on with what an earlier delivery left of it.
func (f *files) upload(p *partial, m meta) (*upload, error) {
	ctx := f.s.ctx
	head := header{Path: p.key(), Size: p.lay.size, MTime: formatTime(m.MTime), Part: p.lay.part}
	l, before, err := f.leases.claim(ctx, head)
	if err != nil {
		return nil, err
	}
	u := newUpload(f.s, p.key(), p.lay, m, l)
	u.every = f.note
	if before != nil {
		if err = u.resume(ctx, before); err != nil {
			return nil, errors.Join(err, l.free(before))
		}
	}
	f.leases.hold(l, u)
	return u, nil
}
