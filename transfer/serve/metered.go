package serve

import (
	"context"
	"time"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// landing is a Destination as the key of a delivery permits to use it. Each of its parts is
// put between the delivery and the part of the Destination; what is not listed is not there:
// nothing is deleted, kept aside or looked for elsewhere.
type landing struct {
	storage.Destination
	ctx      context.Context
	account  *account
	replaces bool // items that are there, their metadata too
	blind    bool // nothing is told of what is there
	synced   func(time.Duration)
	again    func() bool // somebody who was lost and had a file has let it go
}

// Place is storage.Destination's. Where the root is on this machine is not told.
func (d *landing) Place() string { return "" }

// Start is storage.Destination's.
func (d *landing) Start(granted tree.Metadata) (*storage.Landing, error) {
	l, err := d.Destination.Start(granted)
	if err != nil {
		return nil, err
	}
	m := metered{d, l.Finder, l.Files}
	own := &storage.Landing{Keeps: l.Keeps, Notes: l.Notes, Finder: meteredFinder{l.Finder, &m}, Maker: l.Maker, Names: l.Names, Twins: l.Twins}
	own.Keeps.Devices, own.Keeps.HardLinks = false, false
	own.Files = m.files()
	if !d.replaces {
		own.Maker = keeping{l.Maker}
	}
	if d.blind {
		own.Notes = nil
		own.Finder, own.Maker = blindFinder{own.Finder}, blindMaker{l.Maker}
		b := &blindFiles{Files: own.Files, twins: twins{l.Finder, l.Maker}}
		if r, ok := own.Files.(storage.Renamer); ok {
			own.Files = blindRenamer{b, r}
		} else {
			own.Files = b
		}
		return own, nil
	}
	seeing := &seeingFiles{Files: own.Files, twins: twins{l.Finder, l.Maker}, renames: !d.replaces}
	own.Files = seeing
	if r, ok := seeing.Files.(storage.Renamer); ok {
		seeing.renames = false
		own.Files = seeingRenamer{seeing, r}
	}
	return own, nil
}

// Finish is storage.Destination's. What others left is not this peer's to know.
func (d *landing) Finish() (storage.Report, error) {
	began := time.Now()
	r, err := d.Destination.Finish()
	d.synced(time.Since(began))
	r.Leftovers, r.LeftoversErr, r.Remarks = nil, nil, nil
	return r, err
}

// rehearsal is a Destination for a dry run, as the key of it permits to use it.
type rehearsal struct {
	storage.Destination
	replaces bool // items that are there, their metadata too
}

// Place is storage.Destination's, as landing.Place.
func (d *rehearsal) Place() string { return "" }

// Start is storage.Destination's.
func (d *rehearsal) Start(granted tree.Metadata) (*storage.Landing, error) {
	l, err := d.Destination.Start(granted)
	if err != nil {
		return nil, err
	}
	own := &storage.Landing{Keeps: l.Keeps, Notes: l.Notes, Finder: l.Finder, Maker: l.Maker, Names: l.Names, Twins: l.Twins, Estimate: l.Estimate}
	own.Keeps.Devices, own.Keeps.HardLinks = false, false
	if !d.replaces {
		own.Maker = keeping{l.Maker}
	}
	return own, nil
}

// metered counts what comes for the quota.
type metered struct {
	*landing
	finder storage.Finder
	inner  storage.Files
}

// meteredFinder has items promised their room before anything of them is asked for.
type meteredFinder struct {
	storage.Finder
	m *metered
}

// MayPut is storage.Finder's. The delivery is over when there is no room.
func (f meteredFinder) MayPut(e *tree.Entry) error {
	if err := f.Finder.MayPut(e); err != nil {
		return err
	}
	return f.m.take(e, e.Size)
}

func (m *metered) take(e *tree.Entry, n int64) error {
	if n <= 0 {
		return nil
	}
	if err := m.account.take(m.ctx, e.ID, n); err != nil {
		return &storage.Error{Kind: storage.NoSpace, Op: "receiving", Path: e.Name, Err: err}
	}
	return nil
}

// keeping leaves the metadata of items that are there as it is.
type keeping struct{ storage.Maker }

// Touch is storage.Maker's.
func (k keeping) Touch(e *tree.Entry) (storage.Outcome, error) { return k.Keep(e) }

// files returns the Files that counts, with the abilities that the inner one has.
func (m *metered) files() storage.Files {
	f := meteredFiles{m}
	if r, ok := m.inner.(storage.Renamer); ok {
		return meteredRenamer{f, r}
	}
	return f
}

// meteredFiles counts content, and the time that syncs take.
type meteredFiles struct{ *metered }

const (
	// lockedFor is how long a file is waited for that another delivery writes: that one may be
	// at another server before the same root, and its peer be lost and be the one that is here
	// now. That server notices it, and ends the delivery after lostFor.
	lockedFor  = 30 * time.Second
	lockedLook = time.Second / 2
)

// Begin is storage.Files'. A file that an earlier delivery of this key has, and whose peer is
// lost, is let go for the one that comes now.
func (f meteredFiles) Begin(e *tree.Entry, sparse bool) (storage.Partial, error) {
	return f.begun(e, func() (storage.Partial, error) { return f.inner.Begin(e, sparse) })
}

func (m *metered) begun(e *tree.Entry, begin func() (storage.Partial, error)) (storage.Partial, error) {
	p, err := begin()
	if storage.KindOf(err) == storage.Locked && m.again() {
		p, err = begin()
	}
	for wait := time.Duration(0); storage.KindOf(err) == storage.Locked && wait < lockedFor; wait += lockedLook {
		select {
		case <-time.After(lockedLook):
			p, err = begin()
		case <-m.ctx.Done():
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	m.account.begin(e.ID)
	return &meteredPartial{Partial: p, m: m, entry: *e}, nil
}

// Publish is storage.Files'.
func (f meteredFiles) Publish(list []*storage.Publication) error {
	inner, all := make([]*storage.Publication, len(list)), make([]storage.Publication, len(list))
	for i, pub := range list {
		all[i] = *pub
		if p, ok := pub.Partial.(*meteredPartial); ok {
			all[i].Partial = p.Partial
		}
		inner[i] = &all[i]
	}
	began := time.Now()
	err := f.inner.Publish(inner)
	f.synced(time.Since(began))
	for i, pub := range list {
		pub.Name, pub.Lost, pub.Err = all[i].Name, all[i].Lost, all[i].Err
		if p, ok := pub.Partial.(*meteredPartial); ok && pub.Err == nil {
			gone := int64(0)
			if pub.Replace && pub.Expect != nil && pub.Expect.Kind == tree.File {
				gone = pub.Expect.Size
			}
			f.account.settle(p.entry.ID, gone)
		}
	}
	return err
}

// meteredRenamer is meteredFiles of a place where a file's name is fixed when it begins.
type meteredRenamer struct {
	meteredFiles
	inner storage.Renamer
}

// BeginAs is storage.Renamer's.
func (f meteredRenamer) BeginAs(e *tree.Entry, as string, sparse bool) (storage.Partial, error) {
	return f.begun(e, func() (storage.Partial, error) { return f.inner.BeginAs(e, as, sparse) })
}

// meteredPartial counts content of unknown length as it comes, and remembers the digest.
type meteredPartial struct {
	storage.Partial
	m     *metered
	entry tree.Entry
	as    string // the name that a blind delivery chose when it began; "": the entry's

	size int64 // once it is sealed
	root checksum.Digest
}

func (p *meteredPartial) room(index uint64, n int) error {
	if p.entry.Kind != tree.Stream {
		return nil // it was promised
	}
	return p.m.take(&p.entry, int64(index)*checksum.ChunkSize+int64(n))
}

// WriteChunk is storage.Partial's.
func (p *meteredPartial) WriteChunk(index uint64, b []byte, cv checksum.CV) error {
	if err := p.room(index, len(b)); err != nil {
		return err
	}
	return p.Partial.WriteChunk(index, b, cv)
}

// WriteHole is storage.Partial's.
func (p *meteredPartial) WriteHole(index uint64, n int, cv checksum.CV) error {
	if err := p.room(index, n); err != nil {
		return err
	}
	return p.Partial.WriteHole(index, n, cv)
}

// Vouches is storage.Voucher's.
func (p *meteredPartial) Vouches(index uint64) bool {
	v, ok := p.Partial.(storage.Voucher)
	return ok && v.Vouches(index)
}

// Seal is storage.Partial's.
func (p *meteredPartial) Seal(e *tree.Entry, size int64, root checksum.Digest) error {
	p.size, p.root = size, root
	return p.Partial.Seal(e, size, root)
}
