package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// node is a folder that items may come for.
type node struct {
	name string
	dir  *tree.Dir
	vol  *volume
	// entry is what the folder gets its metadata from; nil for a destination that was
	// told none.
	entry *tree.Entry
	// fresh: made by this delivery and holding nothing but what the delivery put there.
	fresh   atomic.Bool
	existed bool
	before  *tree.State // of one that existed, as it was found

	entrance entrance
	told     tree.Attr // how it is exposed to others, see exposure
	owner    uint32    // with told

	within *node // nil: the destination itself
	askACL sync.Once
	acl    tree.DefaultACL // see gives
}

// path is name's path relative to the destination.
func (n *node) path(name string) string {
	if dir := n.dir.Path(); dir != "" {
		return dir + "/" + name
	}
	return name
}

// gives returns the ACL that items inherit which are made in n. The system is asked once.
// Of a folder that this delivery made it is not asked at all: that has the ACL of the
// folder it is in. An ACL that somebody sets later is meant for later items.
func (n *node) gives() tree.DefaultACL {
	n.askACL.Do(func() {
		if n.within != nil && !n.existed {
			n.acl = n.within.gives()
			return
		}
		n.acl = tree.DefaultACLOf(n.dir)
	})
	return n.acl
}

// named turns err, of making name in n, into an error about the name, if it is one. Some
// file systems say of a name that they do not take that nothing is there. N is held open,
// so that this can otherwise only mean that n itself is gone. A name that something has
// is one that the file system takes.
func (n *node) named(name string, err error) error {
	var number syscall.Errno
	errors.As(err, &number)
	if ofName(err) {
		if _, free := n.dir.Lstat(name); free == nil {
			return err
		}
		return &nameError{name, number}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if now, gone := n.dir.Stat(); gone != nil || now.Nlink == 0 {
		return err
	}
	if n.dir.Parent() != nil && n.stillThere() != nil {
		return err
	}
	return &nameError{name, number}
}

// stillThere checks that the folder's name leads to it.
func (n *node) stillThere() error {
	info, err := n.dir.Stat()
	if err != nil {
		return err
	}
	at, err := n.dir.Parent().Lstat(n.name)
	if err == nil && (at.Kind != tree.Folder || !at.SameFile(info)) || errors.Is(err, fs.ErrNotExist) {
		return storage.ErrGone
	}
	return err
}

// found notes the metadata that n, which is name in d, had before this delivery
// came to it.
func (n *node) found(d *tree.Dir, name string, granted tree.Metadata) error {
	if !n.existed || n.before != nil {
		return nil
	}
	s, err := tree.StateOf(d, name, granted)
	n.before = &s
	return err
}

// nodes are the folders that items may come for, by the ids of their entries.
type nodes struct {
	root *node // the destination itself, id 0

	mu   sync.RWMutex // guards what follows
	open map[uint64]*node
}

// get returns the folder that has id, 0 being the destination itself.
func (t *nodes) get(id uint64) (*node, error) {
	if id == 0 {
		return t.root, nil
	}
	t.mu.RLock()
	n := t.open[id]
	t.mu.RUnlock()
	if n == nil {
		return nil, fmt.Errorf("folder %d is not open here", id)
	}
	return n, nil
}

// errDuplicate: a sender that gives two folders one id.
var errDuplicate = errors.New("the id of another folder")

func (t *nodes) add(id uint64, n *node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[id] != nil || id == 0 {
		return errDuplicate
	}
	t.open[id] = n
	return nil
}

// setRoot notes the entry that stands for the destination. The last one counts.
func (t *nodes) setRoot(e *tree.Entry) {
	t.mu.Lock()
	t.root.entry = e
	t.mu.Unlock()
}

// take removes the folder that has id from the table; nil if there is none.
func (t *nodes) take(id uint64) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.open[id]
	delete(t.open, id)
	return n
}

// all returns the open folders, the destination first.
func (t *nodes) all() []*node {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := []*node{t.root}
	for _, n := range t.open {
		list = append(list, n)
	}
	return list
}

// parent returns the folder that e goes into, once e's name is one that stays in
// it: the caller has checked, and nothing here relies on that.
func (t *nodes) parent(e *tree.Entry) (*node, error) {
	if err := tree.CheckName(e.Name); err != nil {
		return nil, err
	}
	return t.get(e.Parent)
}

// path returns where e goes, relative to the destination: slashes, raw bytes,
// "." for the destination itself.
func (t *nodes) path(e *tree.Entry) string {
	if e.Kind == tree.Root {
		return "."
	}
	n, err := t.get(e.Parent)
	if err != nil {
		return e.Name
	}
	return n.path(e.Name)
}

// fail is fail for the item e.
func (t *nodes) fail(op string, e *tree.Entry, err error) error {
	if err == nil {
		return nil
	}
	return fail(op, t.path(e), err)
}
