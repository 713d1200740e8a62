package tree

import (
	"io/fs"
	"sync"
)

// Dir is a folder, known by its root and the names from there. It holds a
// handle only while the pool lets it. When it needs one again and finds another
// folder than the first time, the call fails with ErrReplaced. Safe for
// concurrent use; there is nothing to close.
//
// A name given to its methods is one component of a name on disk. It is not
// checked here: see CheckName for what comes from a peer.
type Dir struct {
	pool   *Dirs
	parent *Dir   // nil: a root
	path   string // of a root: the user's own
	name   string // of any other: in parent
	depth  int    // folders between the root and d
	pinned bool   // a root that stays open
	follow bool   // name may be a link, for Walk.Follow

	// reading is held while the handle's offset for reading names is in use, and
	// guards listed: names were read before.
	reading sync.Mutex
	listed  bool

	// The rest is guarded by pool.mu.
	handle     handle
	opened     bool
	users      int // calls that use handle now
	seen       bool
	id         identity // valid once seen, constant then
	prev, next *Dir     // in pool.ring while opened and not pinned
}

// Child names a folder in d. Nothing is looked up until it is used.
func (d *Dir) Child(name string) *Dir {
	return &Dir{pool: d.pool, parent: d, name: name, depth: d.depth + 1}
}

// Parent returns the folder d is in, nil for a root.
func (d *Dir) Parent() *Dir { return d.parent }

// Name returns the name that d has in its parent, empty for a root.
func (d *Dir) Name() string { return d.name }

// Path returns the slash path of d relative to its root, empty for the root.
func (d *Dir) Path() string { return d.join("") }

// join returns the slash path of name in d, or of d if name is empty.
func (d *Dir) join(name string) string {
	n := len(name)
	for e := d; e.parent != nil; e = e.parent {
		n += len(e.name) + 1
	}
	b := make([]byte, n)
	at := n - len(name)
	copy(b[at:], name)
	for e := d; e.parent != nil; e = e.parent {
		at--
		b[at] = '/'
		at -= len(e.name)
		copy(b[at:], e.name)
	}
	if name == "" && n > 0 {
		b = b[:n-1]
	}
	return string(b)
}

// fail wraps err of a call on name in d, or on d itself if name is empty. The
// path is relative to d's root.
func (d *Dir) fail(op, name string, err error) error {
	path := d.join(name)
	if path == "" {
		path = "."
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// insideItself reports whether d, which was opened before, is one of the
// folders above it. Called by the walk, to which d belongs.
func (d *Dir) insideItself() bool {
	p := d.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := d.parent; e != nil; e = e.parent {
		if e.seen && e.id.same(d.id) {
			return true
		}
	}
	return false
}
