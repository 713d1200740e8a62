package object

import (
	"context"
	"errors"
	"sync"

	"ferry/transfer/internal/flow"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Options say how files are kept.
type Options struct {
	// VerifyDisk has each object read back and hashed when it was written.
	VerifyDisk bool
	// NoSync says that nothing has to last: the Report tells so.
	NoSync bool
	// Memory is how many bytes of files may be in memory on their way to the store. 0 is
	// 64 MiB, or less where the process may have little: an eighth of that, 24 MiB at least.
	Memory int64
	// Owner keeps the unfinished uploads of one who delivers here from others: who has
	// another one finds none of them.
	Owner string

	// Of tests: bytes of a part, and of what is sent between two notes. 0 is partSize and
	// noteEvery.
	part, note int64
}

// Memory for files on their way, in bytes.
const (
	mostMemory  = 64 << 20
	leastMemory = 24 << 20
)

// destination is a prefix of a bucket in which a delivery lands: storage.Destination.
type destination struct {
	o     Options
	s     *store
	nodes *nodes
	find  *finder
	make  *maker
	files *files // nil in a rehearsal
	dress *dresser

	closing sync.Once
	closed  error
}

// NewDestination is the place where one delivery lands: the prefix of b. Requests end with ctx,
// but for the last ones of a delivery that is stopped, which have 15 s. B stays the caller's to
// close, after the Destination.
func NewDestination(ctx context.Context, b *bucket.Bucket, o Options) (storage.Destination, error) {
	d, err := newDestination(ctx, b, o)
	if err != nil {
		return nil, err
	}
	if o.Memory <= 0 {
		o.Memory = flow.MayKeep(mostMemory, 8, leastMemory)
	}
	if o.part == 0 {
		o.part = partSize
	}
	if o.note == 0 {
		o.note = noteEvery
	}
	d.files = &files{
		s: d.s, nodes: d.nodes, find: d.find, dress: d.dress, leases: newLeases(d.s, o.Owner), budget: newBudget(o.Memory, o.part),
		parting: make(chan struct{}, maxParting), part: o.part, note: o.note, verify: o.VerifyDisk, work: inWork{all: make(map[*partial]bool)},
	}
	return d, nil
}

// NewRehearsal stands for a Destination in a dry run: it tells what that would meet, and
// writes nothing.
func NewRehearsal(ctx context.Context, b *bucket.Bucket, o Options) (storage.Destination, error) {
	d, err := newDestination(ctx, b, o)
	if err != nil {
		return nil, err
	}
	d.make.dry = true
	return d, nil
}

func newDestination(ctx context.Context, b *bucket.Bucket, o Options) (*destination, error) {
	s, err := newStore(ctx, b)
	if err != nil {
		return nil, fail("opening", "", err)
	}
	d := &destination{o: o, s: s, nodes: newNodes(s), dress: &dresser{}}
	d.find = &finder{s: s, nodes: d.nodes, d: d.dress}
	d.make = &maker{s: s, nodes: d.nodes, find: d.find, dress: d.dress}
	return d, nil
}

// Place is storage.Destination's.
func (d *destination) Place() string { return d.s.b.Place() }

// Start is storage.Destination's. Of the metadata an object keeps the mode and the mtime.
func (d *destination) Start(granted tree.Metadata) (*storage.Landing, error) {
	keeps := tree.Metadata{Umask: granted.Umask}
	d.dress.granted = keeps
	l := &storage.Landing{Keeps: keeps, Finder: d.find, Maker: d.make, Pruner: d}
	if d.files != nil {
		l.Files = d.files
	} else {
		l.Estimate = estimate{}
	}
	return l, nil
}

// estimate is storage.Estimate. Nobody asks how much room there is.
type estimate struct{}

// Allocated is storage.Estimate's.
func (estimate) Allocated(*tree.Entry) int64 { return 0 }

// Shares is storage.Estimate's.
func (estimate) Shares(*tree.Entry) bool { return false }

// Finish is storage.Destination's. What was written is the store's since it said so.
func (d *destination) Finish() (r storage.Report, err error) {
	if d.files == nil {
		return r, nil
	}
	if top := d.nodes.top; top != nil {
		r.Root = top.ID
	}
	r.Store = "s3://" + d.s.name
	r.Durable = !d.o.NoSync
	r.Leftovers, r.LeftoversErr = d.files.leftovers(d.s.ctx)
	if !d.o.NoSync && d.files.wrote.Load() && !d.s.b.Conditional() {
		r.Remarks = append(r.Remarks, storage.Remark{Path: ".", Err: errUnconditional})
	}
	return r, nil
}

// Close is storage.Destination's.
func (d *destination) Close() error {
	d.closing.Do(func() {
		var errs []error
		if d.files != nil {
			for _, p := range d.files.work.take() {
				errs = append(errs, p.Discard(true))
			}
		}
		d.s.end()
		d.closed = errors.Join(errs...)
	})
	return d.closed
}
