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

	mu     sync.Mutex
	closed bool
	roots  []*Dir // opened by Open
	open   int    // handles in the ring
	ring   Dir    // sentinel: ring.next was used last, ring.prev longest ago
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
	d := &Dir{pool: p, path: path, pinned: true, handle: h, opened: true, seen: true, id: id}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		h.close()
		return nil, ErrClosed
	}
	p.roots = append(p.roots, d)
	return d, nil
}

// lazy names the user's folder at path, links followed. It is opened when used,
// and may be closed and opened again like any other.
func (p *Dirs) lazy(path string) *Dir { return &Dir{pool: p, path: path} }

// Close closes every handle. Calls on folders of the pool fail with ErrClosed
// afterwards; those under way finish first and close theirs.
func (p *Dirs) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, d := range p.roots {
		p.shut(d)
	}
	p.roots = nil
	for d := p.ring.prev; d != &p.ring; {
		prev := d.prev
		p.shut(d)
		d = prev
	}
	return nil
}

// shut closes d's handle unless a call uses it. Called with mu held.
func (p *Dirs) shut(d *Dir) {
	if !d.opened || d.users > 0 {
		return
	}
	if !d.pinned {
		p.unlink(d)
	}
	d.opened = false
	d.handle.close()
}

func (p *Dirs) unlink(d *Dir) {
	d.prev.next, d.next.prev = d.next, d.prev
	d.prev, d.next = nil, nil
	p.open--
}

func (p *Dirs) pushFront(d *Dir) {
	d.prev, d.next = &p.ring, p.ring.next
	d.prev.next, d.next.prev = d, d
	p.open++
}

// evict closes the folders used longest ago until the limit holds. Called with
// mu held.
func (p *Dirs) evict() {
	for d := p.ring.prev; p.open > p.limit && d != &p.ring; {
		prev := d.prev
		p.shut(d)
		d = prev
	}
}

// acquire returns d's handle, opened if need be, for use until release.
func (d *Dir) acquire() (h handle, err error) {
	p := d.pool
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return h, ErrClosed
	}
	if d.opened {
		d.users++
		if !d.pinned && p.ring.next != d {
			p.unlink(d)
			p.pushFront(d)
		}
		p.mu.Unlock()
		return d.handle, nil
	}
	p.mu.Unlock()

	h, id, err := d.lookup()

	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if d.seen && isNotFolder(err) {
			err = fmt.Errorf("%w: %w", ErrReplaced, err)
		}
		return h, err
	}
	switch {
	case d.seen && !d.id.same(id):
		h.close()
		return h, ErrReplaced
	case p.closed:
		h.close()
		return h, ErrClosed
	case d.opened: // by a call beside this one
		h.close()
	default:
		d.handle, d.opened, d.seen, d.id = h, true, true, id
		p.pushFront(d)
	}
	d.users++
	p.evict()
	return d.handle, nil
}

// lookup opens d anew. It recurses no deeper than MaxDepth, and of the folders
// above d only the parent in use is kept open, so a deep path needs two handles
// at a time.
func (d *Dir) lookup() (h handle, id identity, err error) {
	if d.parent == nil {
		return openRoot(d.path)
	}
	if d.depth > MaxDepth {
		return h, id, ErrTooDeep
	}
	ph, err := d.parent.acquire()
	if err != nil {
		return h, id, err
	}
	defer d.parent.release()
	return openChild(ph, d.name, d.follow)
}

// release ends the use that acquire began.
func (d *Dir) release() {
	p := d.pool
	p.mu.Lock()
	d.users--
	if p.closed {
		p.shut(d)
	} else if p.open > p.limit {
		p.evict()
	}
	p.mu.Unlock()
}
