package tree

import (
	"io/fs"
	"os"
)

// Dir is a folder, known by its root and the names from there. It holds a
// handle only while the pool lets it. When it needs one again and finds another
// folder than the first time, the call fails with ErrReplaced. Safe for
// concurrent use; there is nothing to close.
//
// A name given to its methods is one component of a name on disk. It is not
// checked here: see CheckName for what comes from a peer. Errors are
// *fs.PathError or *os.LinkError, with paths relative to the root.
//
// The methods are in dir*.go for the folder itself, in leaf*.go for items by their
// names, in file*.go for opening files, and in names.go for the list of names. The
// metadata of a folder is read by StateOf and given by Apply.
type Dir struct {
	pool   *Dirs
	parent *Dir   // nil: a root
	path   string // of a root: the user's own
	name   string // of any other: in parent
	depth  int    // folders between the root and d
	follow bool   // name may be a link, for Walk.Follow
	names  lister
	seat   seat // guarded by pool.mu
}

// Child names a folder in d. Nothing is looked up until it is used.
func (d *Dir) Child(name string) *Dir {
	return &Dir{pool: d.pool, parent: d, name: name, depth: d.depth + 1}
}

// FollowChild is Child for a folder of the sender, where name may be a link to one.
func (d *Dir) FollowChild(name string) *Dir {
	c := d.Child(name)
	c.follow = true
	return c
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

// at runs one call with d's handle, again if a signal interrupted it. The error says
// what op did with name in d, or with d itself if name is empty.
func (d *Dir) at(op, name string, call func(h handle) error) error {
	h, err := d.pool.acquire(d)
	if err == nil {
		err = retry(func() error { return call(h) })
		d.pool.release(d)
	}
	if err != nil {
		return d.fail(op, name, cause(err))
	}
	return nil
}

// Stat returns what the folder itself is now, by its handle.
func (d *Dir) Stat() (info Info, err error) {
	err = d.at("stat", "", func(h handle) error { info, err = h.stat(); return err })
	return info, err
}

// Handle opens the folder once more, for calls on the folder or its file system
// that have no method here. The caller closes it.
func (d *Dir) Handle() (f *os.File, err error) {
	path := d.join("")
	err = d.at("open", "", func(h handle) error { f, err = h.again(path); return err })
	return f, err
}
