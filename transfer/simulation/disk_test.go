package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// simDisk is a file system in memory that knows what a power cut would leave.
// Content and names are volatile until synced; a sync that fails has lost what it
// was to write, and those after it succeed: so does the page cache of Linux.
type simDisk struct {
	mu    sync.Mutex
	rng   *rand.Rand
	root  *simNode
	parts map[string]*simPart // partials that are kept between deliveries, by key
	ino   uint64
	pace  time.Duration // each operation takes up to that long; 0: none

	ops    [diskOps]int
	faults []*simFault // not fired
	fire   func(*simFault)
}

// diskOp is what a disk fault counts.
type diskOp int

const (
	opLook diskOp = iota
	opFolder
	opBegin
	opWrite
	opRead
	opSeal
	opSync
	opName
	opFinish
	diskOps
)

func (o diskOp) String() string {
	return [...]string{"look-up", "folder", "begin", "write", "read", "seal", "sync", "name", "finish"}[o]
}

// simNode is an inode.
type simNode struct {
	kind    tree.Kind
	mode    uint32
	mtime   tree.Time
	ino     uint64
	target  string
	data    []byte
	lying   bool // a sync failed: what is read is not what the disk holds
	synced  bool // of a file: its content is on the disk
	entries map[string]*simNode
	// past has for each name that changed since the folder was synced what it
	// led to: a power cut leaves one of those, or the last.
	past map[string][]*simNode
	// stable is what mode and mtime are on the disk.
	stable struct {
		mode  uint32
		mtime tree.Time
	}
}

func newSimDisk(rng *rand.Rand, fire func(*simFault)) *simDisk {
	d := &simDisk{rng: rng, fire: fire, parts: make(map[string]*simPart)}
	d.root = d.node(tree.Folder)
	d.root.mode = 0o755
	return d
}

// node needs d.mu, as all that follows.
func (d *simDisk) node(kind tree.Kind) *simNode {
	d.ino++
	n := &simNode{kind: kind, ino: d.ino}
	if kind == tree.Folder {
		n.entries, n.past = make(map[string]*simNode), make(map[string][]*simNode)
	}
	return n
}

func (n *simNode) info() tree.Info {
	return tree.Info{Kind: n.kind, Mode: n.mode, Size: int64(len(n.data)), MTime: n.mtime, Dev: 1, Ino: n.ino, Nlink: 1}
}

// set gives a name another meaning, nil for none.
func (n *simNode) set(name string, to *simNode) {
	n.past[name] = append(n.past[name], n.entries[name])
	if to == nil {
		delete(n.entries, name)
		return
	}
	n.entries[name] = to
}

// sync makes a folder's names and metadata durable, or a file's content.
func (n *simNode) sync() {
	if n.kind == tree.Folder {
		clear(n.past)
	}
	n.stable.mode, n.stable.mtime = n.mode, n.mtime
	n.synced = true
}

// settle makes the disk, as the simulation prepared it, durable.
func (n *simNode) settle() {
	n.sync()
	for _, c := range n.entries {
		c.settle()
	}
}

var (
	// errDead is all that a process gets that is no more.
	errDead = errors.New("the simulated process is dead")
	// errForeign asks for a file of somebody else, and is no error.
	errForeign = errors.New("somebody else is at work")
)

// enter begins an operation. It counts it, takes its time, and says what fault
// it meets: err is the error to return, and half that it took effect in part.
func (d *simDisk) enter(o *owner, op diskOp) (half bool, err error) {
	d.mu.Lock()
	pace := d.pace
	if op == opWrite || op == opRead {
		// The receiver holds a lock of the file, and in a bubble no time passes
		// while somebody waits for a lock.
		pace = 0
	}
	if pace > 0 {
		pace = time.Duration(d.rng.Int64N(int64(pace)))
	}
	d.mu.Unlock()
	if pace > 0 {
		time.Sleep(pace)
	}
	d.mu.Lock()
	if o.dead.Load() {
		return false, errDead
	}
	d.ops[op]++
	i := slices.IndexFunc(d.faults, func(f *simFault) bool { return f.op == op && d.ops[op] >= f.nth })
	if i < 0 {
		return false, nil
	}
	f := d.faults[i]
	d.faults = slices.Delete(d.faults, i, i+1)
	f.fired.Store(true)
	switch f.what {
	case faultNoSpace:
		return f.half, &storage.Error{Kind: storage.NoSpace, Op: op.String(), Err: syscall.ENOSPC}
	case faultForeign:
		return false, errForeign
	case faultIO:
		return f.half, &storage.Error{Kind: storage.IO, Op: op.String(), Err: syscall.EIO}
	}
	go d.fire(f) // the process dies in the middle of this
	return f.half, errDead
}

// powerCut leaves what was synced, and of the rest some: each name as it was at
// one moment since, each piece of unsynced content or not.
func (d *simDisk) powerCut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutNode(d.root)
	for _, key := range slices.Sorted(maps.Keys(d.parts)) {
		p := d.parts[key]
		p.holder = nil
		if p.node.synced || d.rng.IntN(4) > 0 {
			p.cut(d.rng)
		} else {
			delete(d.parts, key)
		}
	}
}

func (d *simDisk) cutNode(n *simNode) {
	if n.kind != tree.Folder {
		if n.kind == tree.File && (!n.synced || n.lying) {
			n.data = torn(d.rng, n.data)
		}
		if d.rng.IntN(2) == 0 {
			n.mode, n.mtime = n.stable.mode, n.stable.mtime
		}
		n.synced, n.lying = true, false
		n.stable.mode, n.stable.mtime = n.mode, n.mtime
		return
	}
	for _, name := range slices.Sorted(maps.Keys(n.past)) {
		could := append(slices.Clone(n.past[name]), n.entries[name])
		if left := could[d.rng.IntN(len(could))]; left != nil {
			n.entries[name] = left
		} else {
			delete(n.entries, name)
		}
	}
	if d.rng.IntN(2) == 0 {
		n.mode, n.mtime = n.stable.mode, n.stable.mtime
	}
	n.sync()
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		d.cutNode(n.entries[name])
	}
}

// torn is content of which only some pages reached the disk.
func torn(rng *rand.Rand, b []byte) []byte {
	const page = 64 << 10
	b = bytes.Clone(b)
	for at := 0; at < len(b); at += page {
		if rng.IntN(2) == 0 {
			clear(b[at:min(at+page, len(b))])
		}
	}
	return b
}

// leaf is an item as the checks look at it.
type leaf struct {
	kind   tree.Kind
	mode   uint32
	mtime  tree.Time
	data   []byte
	target string
}

func (l leaf) String() string {
	return fmt.Sprintf("%v of %d bytes (%v), mode %o, mtime %d.%09d, target %q", l.kind, len(l.data), checksum.Sum(l.data), l.mode, l.mtime.Sec, l.mtime.Nsec, l.target)
}

// list is the whole tree by slash path. Durable only, it is what every power cut
// leaves: nothing of a name that is not synced.
func (d *simDisk) list(durable bool) map[string]leaf {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]leaf)
	d.root.list("", durable, out)
	return out
}

func (n *simNode) list(path string, durable bool, out map[string]leaf) {
	for name, c := range n.entries {
		if durable && len(n.past[name]) > 0 {
			continue
		}
		at := path + name
		l := leaf{kind: c.kind, mode: c.mode, mtime: c.mtime, data: c.data, target: c.target}
		if durable {
			l.mode, l.mtime = c.stable.mode, c.stable.mtime
		}
		if durable && c.kind == tree.File && (!c.synced || c.lying) {
			l.data = nil
		}
		out[at] = l
		if c.kind == tree.Folder {
			c.list(at+"/", durable, out)
		}
	}
}
