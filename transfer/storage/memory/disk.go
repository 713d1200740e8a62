package memory

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"sync"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// Disk is a file system in memory.
type Disk struct {
	// Capacity is how many bytes of content fit; 0 is no limit. FoldCase: names that differ
	// in case or in the form of letters are one. Both are set before the first use.
	Capacity int64
	FoldCase bool

	mu    sync.Mutex
	root  *node
	parts map[string]*part // unfinished files, by key
	ino   uint64
	clock int64 // counts changes: the change time of nodes, in seconds
}

// NewDisk returns an empty file system.
func NewDisk() *Disk {
	d := &Disk{parts: make(map[string]*part)}
	d.root = d.node(tree.Folder)
	d.root.mode = 0o755
	return d
}

// node is an inode.
type node struct {
	kind    tree.Kind
	mode    uint32
	mtime   tree.Time
	uid     uint32
	gid     uint32
	ctime   int64
	ino     uint64
	names   uint64 // that lead to it
	target  string
	data    []byte
	lying   bool // a sync failed: what is read is not what the disk holds
	synced  bool // of a file: its content is on the disk
	entries map[string]*node
	// past has for each name that changed since the folder was synced what it
	// led to: a power cut leaves one of those, or the last.
	past   map[string][]*node
	stable struct { // what is on the disk
		mode  uint32
		mtime tree.Time
	}
}

// node needs d.mu, as all that follows but what is exported.
func (d *Disk) node(kind tree.Kind) *node {
	d.ino++
	n := &node{kind: kind, ino: d.ino}
	if kind == tree.Folder {
		n.entries, n.past = make(map[string]*node), make(map[string][]*node)
	}
	d.changed(n)
	return n
}

// changed gives n the next change time.
func (d *Disk) changed(n *node) {
	d.clock++
	n.ctime = d.clock
}

func (n *node) info() tree.Info {
	i := tree.Info{
		Kind: n.kind, Mode: n.mode, Size: int64(len(n.data)), MTime: n.mtime, CTime: tree.Time{Sec: n.ctime},
		Dev: 1, Ino: n.ino, Nlink: n.names, UID: n.uid, GID: n.gid, Allocated: int64(len(n.data)),
	}
	switch n.kind {
	case tree.File, tree.Folder, tree.Symlink:
	default:
		i.Kind, i.Special = tree.KindOther, n.kind
	}
	return i
}

// find returns what name leads to in dir, and how dir lists it.
func (d *Disk) find(dir *node, name string) (*node, string) {
	if n := dir.entries[name]; n != nil || !d.FoldCase {
		return n, name
	}
	key := tree.FoldKey(name)
	for listed, n := range dir.entries {
		if tree.FoldKey(listed) == key {
			return n, listed
		}
	}
	return nil, name
}

// set gives a name of dir another meaning, nil for none.
func (d *Disk) set(dir *node, name string, to *node) {
	was, listed := d.find(dir, name)
	dir.past[listed] = append(dir.past[listed], was)
	if was != nil {
		was.names--
		d.changed(was)
	}
	delete(dir.entries, listed)
	if to != nil {
		dir.entries[listed] = to
		to.names++
		d.changed(to)
	}
	d.changed(dir)
}

// sync makes a folder's names and metadata durable, or a file's content. Links and special
// files, which nobody can open, are durable with their names.
func (n *node) sync() {
	clear(n.past)
	for _, c := range n.entries {
		if c.kind != tree.File && c.kind != tree.Folder {
			c.sync()
		}
	}
	n.stable.mode, n.stable.mtime = n.mode, n.mtime
	n.synced = true
}

// used is how many bytes of content there are.
func (d *Disk) used() (sum int64) {
	seen := make(map[*node]bool)
	var count func(n *node)
	count = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		sum += int64(len(n.data))
		for _, c := range n.entries {
			count(c)
		}
	}
	count(d.root)
	for _, p := range d.parts {
		count(p.node)
	}
	return sum
}

// free is how many bytes fit beside what is there.
func (d *Disk) free() int64 {
	if d.Capacity == 0 {
		return math.MaxInt64
	}
	return max(d.Capacity-d.used(), 0)
}

// Item is something on a Disk.
type Item struct {
	Kind   tree.Kind // as tree.Entry.Kind
	Mode   uint32
	MTime  tree.Time
	Data   []byte // of a file; nobody changes it
	Target string // of a symbolic link
	Ino    uint64 // tells items apart; Put sets it
}

// walk finds the folder that the slash path is in, and the last name of the path.
func (d *Disk) walk(path string) (dir *node, name string, ok bool) {
	parts := strings.Split(path, "/")
	dir = d.root
	for _, name := range parts[:len(parts)-1] {
		if dir, _ = d.find(dir, name); dir == nil || dir.kind != tree.Folder {
			return nil, "", false
		}
	}
	return dir, parts[len(parts)-1], true
}

// Put places an item at a slash path, in the place of what is there, and makes it durable.
// It reports false if the folder above is not there.
func (d *Disk) Put(path string, item Item) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, name, ok := d.walk(path)
	if !ok {
		return false
	}
	n := d.node(item.Kind)
	n.mode, n.mtime, n.data, n.target = item.Mode, item.MTime, item.Data, item.Target
	n.sync()
	_, listed := d.find(dir, name)
	d.set(dir, name, n)
	delete(dir.past, listed)
	return true
}

// Remove takes a name away, with all that is in it.
func (d *Disk) Remove(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dir, name, ok := d.walk(path); ok {
		_, listed := d.find(dir, name)
		d.set(dir, name, nil)
		delete(dir.past, listed)
	}
}

// List is the whole tree by slash path. Durable only, it is what every power cut
// leaves: nothing of a name that is not synced.
func (d *Disk) List(durable bool) map[string]Item {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]Item)
	d.root.list("", durable, out)
	return out
}

func (n *node) list(path string, durable bool, out map[string]Item) {
	for name, c := range n.entries {
		if durable && len(n.past[name]) > 0 {
			continue
		}
		at := path + name
		i := Item{Kind: c.kind, Mode: c.mode, MTime: c.mtime, Data: c.data, Target: c.target, Ino: c.ino}
		if durable {
			i.Mode, i.MTime = c.stable.mode, c.stable.mtime
		}
		if durable && c.kind == tree.File && (!c.synced || c.lying) {
			i.Data = nil
		}
		out[at] = i
		if c.kind == tree.Folder {
			c.list(at+"/", durable, out)
		}
	}
}

// part is what a Partial of a large file leaves for the next delivery: its bytes, and a
// list of claims that may be wrong.
type part struct {
	path   string
	node   *node
	claims map[uint64]checksum.CV
	holder *Folder // whose delivery writes to it
}

// Part is an unfinished file.
type Part struct {
	Path   string // where it will go
	Data   []byte // nobody changes it
	Claims map[uint64]checksum.CV
}

// Parts are the unfinished files, in the order of their keys.
func (d *Disk) Parts() (list []Part) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range sortedKeys(d.parts) {
		p := d.parts[key]
		claims := make(map[uint64]checksum.CV, len(p.claims))
		for i, cv := range p.claims {
			claims[i] = cv
		}
		list = append(list, Part{Path: p.path, Data: bytes.Clone(p.node.data), Claims: claims})
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
