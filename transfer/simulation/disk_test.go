package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/storage/memory"
	"ferry/transfer/tree"
)

// simForeign is what somebody else writes into the destination.
const simForeign = "not from here"

// simDisk is the receiver's disk, in memory, with the faults that are planned for it.
type simDisk struct {
	*memory.Disk
	pace    time.Duration // each operation takes up to that long; 0: none
	fire    func(*simFault)
	foreign *atomic.Bool // somebody else has put a file there

	mu     sync.Mutex
	rng    *rand.Rand
	ops    [memory.Ops]int
	faults []*simFault // not fired
}

func newSimDisk(rng *rand.Rand, fire func(*simFault), foreign *atomic.Bool) *simDisk {
	return &simDisk{Disk: memory.NewDisk(), rng: rng, fire: fire, foreign: foreign}
}

// open begins a delivery by a process.
func (d *simDisk) open(t testing.TB, p *simProcess, changing bool) *simFolder {
	before := func(op memory.Op, path string) (bool, error) { return d.before(&p.owner, op, path) }
	f := d.Open(t, "simulated", memory.Options{Before: before})
	return &simFolder{Folder: f, disk: d, t: t, owner: &p.owner, changing: changing}
}

// before takes the time of an operation, counts it, and says what fault it meets.
func (d *simDisk) before(o *owner, op memory.Op, path string) (half bool, err error) {
	// The receiver holds a lock of the file while it reads and writes, and in a bubble no
	// time passes while somebody waits for a lock.
	if d.pace > 0 && op != memory.Write && op != memory.Read {
		d.mu.Lock()
		pause := time.Duration(d.rng.Int64N(int64(d.pace)))
		d.mu.Unlock()
		time.Sleep(pause)
	}
	if o.dead.Load() {
		return false, memory.ErrKilled
	}
	f := d.meets(op)
	if f == nil {
		return false, nil
	}
	f.fired.Store(true)
	switch f.what {
	case faultNoSpace:
		return f.half, &storage.Error{Kind: storage.NoSpace, Op: op.String(), Err: syscall.ENOSPC}
	case faultIO:
		return f.half, &storage.Error{Kind: storage.IO, Op: op.String(), Err: syscall.EIO}
	case faultForeign:
		d.Put(path, memory.Item{Kind: tree.File, Mode: 0o644, Data: []byte(simForeign)})
		d.foreign.Store(true)
		return false, nil
	}
	go d.fire(f) // the process dies in the middle of this
	return f.half, memory.ErrKilled
}

// meets counts an operation and returns the fault that is due.
func (d *simDisk) meets(op memory.Op) *simFault {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops[op]++
	i := slices.IndexFunc(d.faults, func(f *simFault) bool { return f.op == op && d.ops[op] >= f.nth })
	if i < 0 {
		return nil
	}
	f := d.faults[i]
	d.faults = slices.Delete(d.faults, i, i+1)
	return f
}

// powerCut ends the delivery of a process with the power of its machine.
func (d *simDisk) powerCut() {
	d.mu.Lock()
	rng := rand.New(rand.NewPCG(d.rng.Uint64(), 1))
	d.mu.Unlock()
	d.PowerCut(rng)
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

// list is the whole tree by slash path. Durable only, it is what every power cut leaves.
func (d *simDisk) list(durable bool) map[string]leaf {
	out := make(map[string]leaf)
	for at, i := range d.List(durable) {
		out[at] = leaf{i.Kind, i.Mode, i.MTime, i.Data, i.Target}
	}
	return out
}

// simFolder is the destination of one process. It holds its caller to more than the
// interface does.
type simFolder struct {
	*memory.Folder
	disk     *simDisk
	t        testing.TB
	owner    *owner
	changing bool // sources may change, so that digests may differ
}

// Start hands out Files that look at what is done to them.
func (f *simFolder) Start(granted tree.Metadata) (*storage.Landing, error) {
	l, err := f.Folder.Start(granted)
	if err == nil {
		l.Files = simFiles{l.Files, f}
	}
	return l, err
}

type simFiles struct {
	storage.Files
	f *simFolder
}

func (s simFiles) Begin(e *tree.Entry, sparse bool) (storage.Partial, error) {
	p, err := s.Files.Begin(e, sparse)
	if err != nil {
		return nil, err
	}
	kept := e.Kind != tree.Stream && e.Size > checksum.ChunkSize
	return &simPartial{Partial: p, f: s.f, path: s.f.Path(e), size: e.Size, kept: kept}, nil
}

// Publish allows no file to be replaced by one who has not seen it.
func (s simFiles) Publish(batch []*storage.Publication) error {
	partials := make([]*simPartial, len(batch))
	for i, pub := range batch {
		if pub.Replace && pub.Expect == nil {
			s.f.t.Errorf("%q is replaced, whatever it is by now", pub.Entry.Name)
		}
		partials[i] = pub.Partial.(*simPartial)
		pub.Partial = partials[i].Partial
	}
	err := s.Files.Publish(batch)
	for i, pub := range batch {
		pub.Partial = partials[i]
		if kind := storage.KindOf(pub.Err); pub.Err != nil && kind != storage.Conflict && kind != storage.OtherKind {
			partials[i].failed.Store(true)
		}
	}
	return err
}

// simPartial is a partial that knows whether something failed of it.
type simPartial struct {
	storage.Partial
	f      *simFolder
	path   string
	size   int64
	kept   bool // between deliveries
	failed atomic.Bool
	ended  bool
}

func (p *simPartial) note(err error) error {
	if err != nil {
		p.failed.Store(true)
	}
	return err
}

func (p *simPartial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	return p.note(p.Partial.WriteChunk(index, b, cv))
}

func (p *simPartial) WriteHole(index uint64, n int, cv checksum.CV) error {
	return p.note(p.Partial.WriteHole(index, n, cv))
}

func (p *simPartial) CopyChunk(from storage.File, index uint64, n int) error {
	return p.note(p.Partial.CopyChunk(from, index, n))
}

func (p *simPartial) Seal(e *tree.Entry, size int64, root checksum.Digest) error {
	return p.note(p.Partial.Seal(e, size, root))
}

// Discard does not let what came be thrown away, while no digest can differ.
func (p *simPartial) Discard(keep bool) error {
	lost := !keep && p.kept && !p.ended && !p.failed.Load() && !p.f.changing && !p.f.owner.dead.Load()
	if lost && !p.superfluous() {
		p.f.t.Errorf("what came of %q is thrown away", p.path)
	}
	p.ended = true
	return p.Partial.Discard(keep)
}

// superfluous reports that what has its name has all of it already.
func (p *simPartial) superfluous() bool {
	there, ok := p.f.disk.List(false)[p.path]
	if !ok || there.Kind != tree.File || int64(len(there.Data)) != p.size {
		return false
	}
	for _, part := range p.f.disk.Parts() {
		for i := range part.Claims {
			at := int(i) * checksum.ChunkSize
			end := at + checksum.ChunkLen(p.size, i)
			if part.Path == p.path && (end > len(part.Data) || string(part.Data[at:end]) != string(there.Data[at:end])) {
				return false
			}
		}
	}
	return true
}
