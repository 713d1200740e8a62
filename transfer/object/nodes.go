package object

import (
	"fmt"
	"sync"
	"sync/atomic"

	"ferry/transfer/tree"
)

// node is a folder that items may come for. There is no such thing in the store, unless it is
// empty: it is what keys begin with.
type node struct {
	path  string // with a slash at the end; empty for the destination
	entry *tree.Entry
	in    *node    // that it is in; nil for the destination
	list  *listing // what stood in it; nil: nothing did, since this delivery made it
	items atomic.Int64
}

// fresh reports that nothing stood in the folder before.
func (n *node) fresh() bool { return n.list == nil }

// nodes are the folders that are open.
type nodes struct {
	s    *store
	root *node

	mu   sync.Mutex
	open map[uint64]*node // by the id of their entry; 0 is the destination
	top  *tree.Entry      // that the destination itself is announced by; the last one counts
}

func newNodes(s *store) *nodes {
	root := &node{list: &listing{s: s}}
	return &nodes{s: s, root: root, open: map[uint64]*node{0: root}}
}

// place is where an entry goes.
type place struct {
	in   *node
	name string
	path string // relative to the destination; it is the key of a file
}

// parent finds where e goes, once its name is one that a key can have there.
func (n *nodes) parent(e *tree.Entry) (place, error) { return n.named(e, e.Name) }

// named is parent for another name in the same folder.
func (n *nodes) named(e *tree.Entry, name string) (place, error) {
	if err := checkKeyName(name); err != nil {
		return place{}, err
	}
	n.mu.Lock()
	in := n.open[e.Parent]
	n.mu.Unlock()
	if in == nil {
		return place{}, fmt.Errorf("folder %d is not open here", e.Parent)
	}
	p := place{in, name, in.path + name}
	more := 0
	if e.Kind == tree.Folder {
		more = 1
	}
	return p, checkKey(n.s.prefix+more, p.path)
}

// enter opens a folder for what comes into it.
func (n *nodes) enter(e *tree.Entry, d *node) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open[e.ID] != nil {
		return fmt.Errorf("two folders have the number %d", e.ID)
	}
	n.open[e.ID] = d
	if e.Kind == tree.Root {
		n.top = e
	}
	return nil
}

// leave ends a folder; nil if it is not open.
func (n *nodes) leave(e *tree.Entry) *node {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.open[e.ID]
	if e.ID != 0 {
		delete(n.open, e.ID)
	}
	return d
}

// path is that of e, for messages.
func (n *nodes) path(e *tree.Entry) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if in := n.open[e.Parent]; in != nil {
		return in.path + e.Name
	}
	return e.Name
}
