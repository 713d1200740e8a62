package receive

import (
	"context"
	"errors"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// asker asks the sender for content. Room at the destination and the number of open files
// bound what it asks for at a time. In a dry run it settles entries in place of asking. The
// planner's goroutine alone uses it.
type asker struct {
	ledger   *ledger
	settle   *settler
	site     *site
	room     *room
	credit   *window
	requests *requests
	olds     *flow.Queue[old] // bounded by slots, and for comparisons by the entry window
	lists    *flow.Queue[old] // likewise
	slots    *flow.Gauge      // large files in work
	pace     *pace
	track    *progress.Tracker

	parked []*entry // large files that wait for a slot
}

// content asks for the content of an entry, less what is here already.
func (k *asker) content(ctx context.Context, e *entry) error {
	err := k.site.Finder.MayPut(e.item)
	if k.site.dry {
		if err != nil {
			return k.settle.fail(e, "receiving", err)
		}
		return k.rehearse(e)
	}
	if err != nil && (e.choice.replace == nil || codeOf(err) != framing.CodeName) {
		return k.settle.fail(e, "receiving", err)
	}
	k.track.Enter(transfer.PhaseTransfer)
	small := e.kind == tree.File && e.item.Size <= checksum.ChunkSize
	if c := &e.choice; c.former != nil && (small || len(c.formers) > 0) {
		return k.compareFormer(e, c.former)
	}
	if small {
		return k.small(e)
	}
	if !k.ledger.kept(e).slot && !k.slot(e) {
		// The planner must not wait for a slot: the message that frees one may be its own.
		k.parked = append(k.parked, e)
		return nil
	}
	return k.large(ctx, e)
}

// small asks for a file of one chunk or less, which may come in a pack.
func (k *asker) small(e *entry) error {
	if err := k.reserve(e, e.stored()-k.ledger.kept(e).room); err != nil {
		return err
	}
	a := &attempt{of: e, number: e.number, item: e.item, form: lone}
	if !k.ledger.ask(a) {
		return nil
	}
	return k.requests.add(a.want(framing.WantAll))
}

// slot gets a slot for a large file, if one is free.
func (k *asker) slot(e *entry) bool {
	if !k.slots.Try(1) {
		return false
	}
	if !k.ledger.keep(e, holdings{slot: true}) {
		k.slots.Give(1) // it was settled meanwhile, which large finds out
	}
	return true
}

// unpark goes on with the large files that wait, as far as there are slots.
func (k *asker) unpark(ctx context.Context) error {
	for len(k.parked) > 0 {
		if e := k.parked[0]; k.ledger.isOpen(e) {
			if !k.slot(e) {
				return nil
			}
			if err := k.large(ctx, e); err != nil {
				return err
			}
		}
		k.parked = k.parked[1:]
	}
	return nil
}

// large begins a file of more than one chunk, or a stream, and asks for what is missing.
func (k *asker) large(ctx context.Context, e *entry) error {
	if e.kind == tree.Stream && k.ledger.keep(e, holdings{source: true}) {
		if err := k.credit.source(); err != nil {
			return err
		}
	}
	p, err := k.begin(e)
	if err != nil {
		return k.settle.fail(e, "beginning", err)
	}
	replaces := e.kind == tree.File && e.choice.replace != nil && e.choice.replace.Kind == tree.File
	former := e.choice.former
	b := &basis{replaces: replaces, former: former, pages: make(map[uint64]*claimPage)}
	claims := e.kind == tree.File && hasClaims(ctx, p)
	shared := replaces && p.Shares()
	if (replaces || former != nil) && k.pace.looks() {
		size := e.item.Size // of a former one too
		if replaces {
			size = e.choice.replace.Size
		}
		b.lacks = &lacks{size: size, awaits: !claims, out: make(map[uint64]framing.WantKind)}
	}
	if replaces && e.choice.replace.Size == e.item.Size {
		// What is shared costs nothing to take over at once.
		b.lent = &lent{differs: claims || shared, filled: claims || shared}
	}
	if err := k.reserve(e, k.need(e, p, b, claims, shared)-k.ledger.kept(e).room); err != nil {
		return errors.Join(err, p.Discard(true))
	}
	a := &attempt{of: e, number: e.number, item: e.item, form: chunked, chunks: checksum.NewTree(e.item.Size)}
	if claims || replaces || former != nil {
		a.basis = b
	}
	a.part.begin(p)
	if !k.ledger.ask(a) {
		return a.part.end(true)
	}
	k.track.Tell(transfer.ItemStarted{Path: e.path(), Size: e.item.Size})
	switch {
	case replaces, former != nil:
		k.olds.Put(old{a, oldReplaced})
	case claims:
		k.olds.Put(old{a, oldClaimed})
	default:
		return k.requests.add(a.want(framing.WantAll))
	}
	return nil
}

// begin begins the Partial of a large file, under the name that it is to get where the place
// has to know that.
func (k *asker) begin(e *entry) (storage.Partial, error) {
	if r, ok := k.site.Files.(storage.Renamer); ok && e.choice.rename && e.choice.at != "" {
		return r.BeginAs(e.item, e.choice.at, e.holes > 0)
	}
	return k.site.Files.Begin(e.item, e.holes > 0)
}

// need is how much room a large file takes. What an interrupted delivery left takes none
// again, and what may be the same, or is shared, none at all.
func (k *asker) need(e *entry, p storage.Partial, b *basis, claims, shared bool) int64 {
	n := e.stored() - p.Allocated()
	switch {
	case !b.replaces:
	case shared:
		n = min(n, e.item.Size-e.choice.replace.Size)
	case !claims && b.lent != nil:
		n = 0
	}
	return n
}

// hasClaims tells whether an interrupted delivery left something.
func hasClaims(ctx context.Context, p storage.Partial) bool {
	for range p.Present(ctx) {
		return true
	}
	return false
}

// compare has both sides hash the file, and this side the one under name. The sender does
// it once: of a second comparison its digest is known.
func (k *asker) compare(e *entry, name string) error {
	a := &attempt{of: e, number: e.number, item: e.item, form: comparing, end: e.choice.answer, compared: &comparison{name: name}}
	if !k.ledger.ask(a) {
		return nil
	}
	k.olds.Put(old{a, oldCompared})
	if a.end != nil {
		return nil
	}
	return k.requests.add(a.want(framing.WantCheck))
}

// compareFormer is compare with a file that stands under another name and is not to stay. If
// it is the same it is copied. One of more than one chunk is compared so only if it may be
// another one as well: else its chunks are.
func (k *asker) compareFormer(e *entry, f *storage.Former) error {
	if err := k.reserve(e, e.stored()-k.ledger.kept(e).room); err != nil {
		return err
	}
	a := &attempt{of: e, number: e.number, item: e.item, form: comparing, end: e.choice.answer, compared: &comparison{former: f}}
	if !k.ledger.ask(a) {
		return nil
	}
	k.olds.Put(old{a, oldCompared})
	if a.end != nil {
		return nil
	}
	return k.requests.add(a.want(framing.WantCheck))
}

// reserve promises room to an entry. Too little of it ends the delivery: it may be that
// smaller files fit, but not all.
func (k *asker) reserve(e *entry, n int64) error {
	err := k.room.take(n)
	if err != nil && errors.As(err, new(*transfer.SpaceError)) {
		return &transfer.Error{Op: "receiving", Code: framing.CodeNoSpace, Path: e.path(), Err: err}
	}
	if err == nil && n > 0 && !k.ledger.keep(e, holdings{room: n}) {
		k.room.give(n)
	}
	return err
}

// makeRoom looks for the space of a file of which a chunk differs from the one that it
// replaces. Where the destination shares what is equal, there is nothing to look for.
func (k *asker) makeRoom(a *attempt) error {
	p := a.part.hold()
	if p == nil {
		return nil
	}
	shared, n := p.Shares(), a.of.stored()-p.Allocated()
	a.part.let()
	if shared {
		return nil
	}
	if err := k.reserve(a.of, n); err != nil {
		return k.settle.failAttempt(a, "finding room", err)
	}
	return nil
}

// rehearse settles a file or stream that a delivery would take. Its plan is made.
func (k *asker) rehearse(e *entry) error {
	if err := k.rehearseRoom(e); err != nil {
		return k.settle.fail(e, "finding room", err)
	}
	switch c := e.choice; {
	case c.replace != nil:
		return k.settle.done(e, outcome{status: transfer.StatusReplaced})
	case !c.rename:
		return k.settle.done(e, outcome{status: transfer.StatusDelivered})
	case c.at == "":
		return k.settle.fail(e, "finding a free name", noFreeName())
	default:
		return k.settle.done(e, outcome{status: transfer.StatusRenamed, name: c.at})
	}
}

// rehearseRoom adds an entry to what would be needed. What an unfinished delivery left of
// it takes no space again.
func (k *asker) rehearseRoom(e *entry) error {
	n := max(e.stored()-k.site.Estimate.Allocated(e.item), 0)
	err := k.room.take(n)
	space := new(transfer.SpaceError)
	if old := e.choice.replace; errors.As(err, &space) && old != nil && k.site.Estimate.Shares(e.item) {
		err = k.room.take(min(n, e.item.Size-old.Size))
	}
	if errors.As(err, &space) {
		return &transfer.Error{Op: "finding room:", Code: framing.CodeNoSpace, Path: e.path(), Err: err}
	}
	return err
}
