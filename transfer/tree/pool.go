package tree

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Dirs is a pool of open folders. It keeps at most its limit of them open, and
// closes the one used longest ago when another is needed. Roots, and folders in
// the middle of a call, stay open: each concurrent call may exceed the limit by
// two. Safe for concurrent use.
type Dirs struct {
	limit   int
	viaProc atomic.Bool // see Dir.LinkUnnamed

	mu     sync.Mutex // guards what follows and the seat of each Dir; no other lock is taken under it
	closed bool
	roots  []*Dir // opened by Open
	open   int    // handles in the ring
	ring   seat   // sentinel: ring.next was used last, ring.prev longest ago
}

// seat is the place that a folder's handle has in the pool, which guards it by mu.
type seat struct {
	handle     handle
	opened     bool // handle is open
	pinned     bool // it stays open and out of the ring: a root
	users      int  // calls that use handle now
	seen       bool // the folder was opened at least once
	id         identity
	prev, next *seat // in the ring while opened and not pinned
}

// NewDirs returns a pool that keeps at most limit handles open, at least 1.
func NewDirs(limit int) *Dirs {
	p := &Dirs{limit: max(limit, 1)}
	p.ring.next, p.ring.prev = &p.ring, &p.ring
	return p
}

// Open opens the folder at path, links followed as the user meant, and keeps it
// open until Close.
func (p *Dirs) Open(path string) (*Dir, error) {
	h, id, err := openRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening folder: %w", err)
	}
	d := &Dir{pool: p, path: path, seat: seat{handle: h, opened: true, pinned: true, seen: true, id: id}}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		h.close()
		return nil, errClosed
	}
	p.roots = append(p.roots, d)
	return d, nil
}

// lazy names the user's folder at path, links followed. It is opened when used,
// and may be closed and opened again like any other.
func (p *Dirs) lazy(path string) *Dir { return &Dir{pool: p, path: path} }

// Close closes every handle. Calls on folders of the pool fail afterwards; those
// under way finish first and close their handles.
func (p *Dirs) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, d := range p.roots {
		p.shut(&d.seat)
	}
	p.roots = nil
	p.shutRing(0)
	return nil
}

// shut closes a handle unless a call uses it. Called with mu held.
func (p *Dirs) shut(s *seat) {
	if !s.opened || s.users > 0 {
		return
	}
	if !s.pinned {
		p.unlink(s)
	}
	s.opened = false
	s.handle.close()
}

func (p *Dirs) unlink(s *seat) {
	s.prev.next, s.next.prev = s.next, s.prev
	s.prev, s.next = nil, nil
	p.open--
}

func (p *Dirs) pushFront(s *seat) {
	s.prev, s.next = &p.ring, p.ring.next
	s.prev.next, s.next.prev = s, s
	p.open++
}

// shutRing closes the folders used longest ago until at most that many are open. Called
// with mu held.
func (p *Dirs) shutRing(most int) {
	for s := p.ring.prev; p.open > most && s != &p.ring; {
		prev := s.prev
		p.shut(s)
		s = prev
	}
}

// idle closes all folders but roots that no call uses, and reports whether there were any.
func (p *Dirs) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.open
	p.shutRing(0)
	return p.open < before
}

// acquire returns d's handle, opened if need be, for use until release.
func (p *Dirs) acquire(d *Dir) (h handle, err error) {
	s := &d.seat
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return h, errClosed
	}
	if s.opened {
		s.users++
		if !s.pinned && p.ring.next != s {
			p.unlink(s)
			p.pushFront(s)
		}
		p.mu.Unlock()
		return s.handle, nil
	}
	p.mu.Unlock()

	h, id, err := p.lookup(d)

	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if s.seen && isNotFolder(err) {
			err = fmt.Errorf("%w: %w", ErrReplaced, err)
		}
		return h, err
	}
	switch {
	case s.seen && !s.id.same(id):
		h.close()
		return h, ErrReplaced
	case p.closed:
		h.close()
		return h, errClosed
	case s.opened: // by a call beside this one
		h.close()
	default:
		s.handle, s.opened, s.seen, s.id = h, true, true, id
		p.pushFront(s)
	}
	s.users++
	p.shutRing(p.limit)
	return s.handle, nil
}

// lookup opens d anew. The deepest folder has MaxDepth others above it and then the root,
// and no recursion goes further. Of the folders above d only the parent in use is kept
// open, so a deep path needs two handles at a time.
func (p *Dirs) lookup(d *Dir) (h handle, id identity, err error) {
	if d.parent == nil {
		return openRoot(d.path)
	}
	if d.depth > MaxDepth+1 {
		return h, id, ErrTooDeep
	}
	ph, err := p.acquire(d.parent)
	if err != nil {
		return h, id, err
	}
	defer p.release(d.parent)
	return openChild(ph, d.name, d.follow)
}

// release ends the use that acquire began.
func (p *Dirs) release(d *Dir) {
	s := &d.seat
	p.mu.Lock()
	s.users--
	if p.closed {
		p.shut(s)
	} else if p.open > p.limit {
		p.shutRing(p.limit)
	}
	p.mu.Unlock()
}

// loops reports whether d, which was opened before, is one of the folders above
// itself.
func (p *Dirs) loops(d *Dir) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := d.parent; e != nil; e = e.parent {
		if e.seat.seen && e.seat.id.same(d.seat.id) {
			return true
		}
	}
	return false
}
