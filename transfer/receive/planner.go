package receive

import (
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// planner decides about entries, one after another in the order in which they were
// announced, as far as none has to wait for another one. It settles what needs no
// content, and has an asker ask for the rest. One goroutine runs it, and all its methods.
type planner struct {
	plans    *flow.Queue[message] // bounded by the entry window
	ledger   *ledger
	settle   *settler
	gate     *gate
	site     *site
	twins    *twins
	links    *links
	ask      *asker
	track    *progress.Tracker
	consent  *consent
	deletion *deletion

	policy   transfer.ConflictPolicy
	backup   *transfer.Backup
	update   bool // a file there that is newer stays
	byDigest bool // files of equal size are compared by digest, never by their time
	resolve  func(context.Context, transfer.Conflict) (transfer.ConflictPolicy, error)
}

// message is something for the planner, or for the goroutine in its place, to handle. One
// about an entry that was settled before it is handled says nothing any more.
type message interface {
	about() *entry // nil: it is about no entry, or has to be handled in any case
}

type (
	// arrival: an entry was announced.
	arrival struct{ e *entry }
	// folderEnd: the last child of the folder with that id was announced.
	folderEnd uint64
	// changed: the sender begins another attempt.
	changed struct {
		e  *entry
		to framing.Changed
	}
	// givenUp: the sender gives the entry up.
	givenUp struct {
		e   *entry
		why framing.Fault
	}
	// lacking: this side has not what it claimed of a chunk, and the sender has.
	lacking struct {
		a     *attempt
		index uint64
	}
	// unequal: a chunk differs from the file that is replaced: room for the new one is
	// needed after all.
	unequal struct{ a *attempt }
	// asking: chunks that differ from the file that is replaced are to be asked for.
	asking struct{ a *attempt }
	// differing: an existing file was compared and is another one.
	differing struct{ a *attempt }
	// same: a file of more than one chunk was compared with one under another name, and is it.
	same struct{ a *attempt }
	// released: what the entry waited for, on account of its name, is settled.
	released struct{ e *entry }
	// linkable: the target of the hard link is settled.
	linkable struct{ e *entry }
	// slotFree: there may be room for a large file that waits.
	slotFree struct{}
)

func (arrival) about() *entry     { return nil }
func (folderEnd) about() *entry   { return nil }
func (slotFree) about() *entry    { return nil }
func (m changed) about() *entry   { return m.e }
func (m givenUp) about() *entry   { return m.e }
func (m lacking) about() *entry   { return m.a.of }
func (m unequal) about() *entry   { return m.a.of }
func (m asking) about() *entry    { return m.a.of }
func (m differing) about() *entry { return m.a.of }
func (m same) about() *entry      { return m.a.of }
func (m released) about() *entry  { return m.e }
func (m linkable) about() *entry  { return m.e }

// run handles messages until all entries are settled.
func (p *planner) run(ctx context.Context) error {
	for {
		m, ok, err := p.next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := p.ask.unpark(ctx); err != nil {
			return err
		}
		done := p.track.AtDisk()
		err = p.handle(ctx, m)
		done()
		if err != nil {
			return err
		}
	}
}

// next takes a message. Before it waits for one, it sees that nothing else waits: no
// large file for a slot that is free, no WANT and no DONE for company.
func (p *planner) next(ctx context.Context) (m message, ok bool, err error) {
	if m, ok, _ := p.plans.Try(); ok {
		return m, true, nil
	}
	if err := p.ask.unpark(ctx); err != nil {
		return nil, false, err
	}
	if err := p.ask.requests.flush(); err != nil {
		return nil, false, err
	}
	if err := p.settle.verdicts.flush(); err != nil {
		return nil, false, err
	}
	return p.plans.Take(ctx)
}

func (p *planner) handle(ctx context.Context, m message) error {
	if e := m.about(); e != nil && !p.ledger.isOpen(e) {
		return nil
	}
	switch m := m.(type) {
	case arrival:
		return p.arrive(ctx, m.e)
	case folderEnd:
		return p.endFolder(uint64(m))
	case changed:
		return p.change(ctx, m.e, &m.to)
	case givenUp:
		p.ledger.heard(m.e)
		return p.settle.givenUp(m.e, failure.Remote("receiving", m.why.Code, m.why.Message))
	case lacking:
		return p.ask.requests.add(m.a.wantAgain(m.index))
	case unequal:
		return p.ask.makeRoom(m.a)
	case asking:
		return p.ask.differing(m.a)
	case differing:
		return p.differ(ctx, m.a)
	case same:
		return p.alike(ctx, m.a)
	case released:
		return p.meet(ctx, m.e)
	case linkable:
		return p.hardLink(ctx, m.e)
	}
	return nil
}

// arrive lets an announced entry in, and plans it.
func (p *planner) arrive(ctx context.Context, e *entry) error {
	refusal, err := p.gate.admit(e)
	switch {
	case err != nil:
		return err
	case refusal != nil:
		return p.settle.refuse(e, refusal)
	}
	p.ledger.plan(e)
	e.choice.most = e.item.Size
	return p.meet(ctx, e)
}

// meet plans an entry that was let in, once those before it let it: by its kind.
func (p *planner) meet(ctx context.Context, e *entry) error {
	if wait, err := p.twins.meet(e); err != nil {
		return p.settle.refuse(e, failure.Destination("looking up", e.path(), err))
	} else if wait {
		return nil
	}
	switch e.kind {
	case tree.Folder, tree.Root:
		return p.folder(e)
	case tree.Symlink:
		return p.symlink(ctx, e)
	case tree.HardLink:
		return p.hardLink(ctx, e)
	case tree.FIFO, tree.CharDevice, tree.BlockDevice, tree.Socket:
		return p.node(ctx, e)
	}
	return p.file(ctx, e, e.twin != nil && e.twin.differs)
}

// change begins a new attempt at a file of which the sender says that it is another one
// now. What came of it so far serves as basis.
func (p *planner) change(ctx context.Context, e *entry, c *framing.Changed) error {
	p.ledger.heard(e)
	t := *e.item
	t.Size, t.Mode, t.MTime = int64(c.Size), c.Mode, tree.Time{Sec: c.Sec, Nsec: c.Nsec}
	p.site.narrow(&t)
	before := e.item.Size
	over, had, err := p.ledger.change(e, c, &t)
	if err != nil {
		return err
	}
	if err := p.consent.resize(e.choice.most, t.Size); err != nil {
		return err
	}
	e.choice.most = max(e.choice.most, t.Size)
	e.choice.answer = nil
	p.settle.give(had)
	p.track.Resized(t.Size - before)
	if err := over.part.end(true); err != nil {
		return p.settle.fail(e, "putting aside", err)
	}
	return p.file(ctx, e, false)
}

// differ goes on with a file that was compared and is not the same.
func (p *planner) differ(ctx context.Context, a *attempt) error {
	answer, kept, ok := p.ledger.differ(a)
	if !ok {
		return nil
	}
	p.track.Kept(-kept)
	a.of.choice.answer = answer
	return p.file(ctx, a.of, true)
}

// endFolder handles FOLDER-END: the last child was announced.
func (p *planner) endFolder(id uint64) error {
	f, idle, err := p.ledger.endFolder(id)
	if err != nil || !idle {
		return err
	}
	return p.settle.finishFolder(f)
}

// decideConflict has the user decide about what is in e's way, where that was asked for.
func (p *planner) decideConflict(ctx context.Context, e *entry, found *tree.Info, d decision) (decision, error) {
	if d != takeAsk {
		return d, nil
	}
	if err := p.ask.requests.flush(); err != nil {
		return d, err
	}
	policy := transfer.ConflictFail
	if p.resolve != nil {
		was := p.track.Be(framing.StateUser)
		defer p.track.Be(was)
		var err error
		if policy, err = p.resolve(ctx, transfer.Conflict{Path: e.path(), Offered: *e.item, Existing: *found}); err != nil {
			return d, err
		}
		if policy == transfer.ConflictAsk {
			policy = transfer.ConflictFail
		}
	}
	return resolve(found, policy), nil
}

// leave settles an entry that is not taken, as d says.
func (p *planner) leave(e *entry, d decision) error {
	switch d {
	case takeSkip:
		return p.settle.done(e, skipped(framing.CodeConflict))
	case takeOlder:
		return p.settle.done(e, skipped(framing.CodeNewer))
	case takeWrongKind:
		return p.settle.fail(e, "receiving", &transfer.Error{Code: framing.CodeOtherKind, Err: errors.New("what is neither a file nor a link is never replaced")})
	}
	return p.settle.fail(e, "receiving", &transfer.Error{Code: framing.CodeConflict,
		Err: errors.New("--on-conflict says what to do with it")})
}
