package receive

import (
	"cmp"
	"errors"
	"fmt"
	"sync"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/wire"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// settler gives the verdicts on entries, and sees to what follows from one: the records
// for the sender, the result and the events here, what waits for the entry, and what is
// given back. The last verdict in a folder ends that too. Any goroutine but a reader uses
// it: it may wait for the link and for the destination.
type settler struct {
	ledger   *ledger
	site     *site
	verdicts *verdicts
	track    *progress.Tracker
	links    *links
	twins    *twins               // nil: no two names are one
	plans    *flow.Queue[message] // what waited for an entry goes on there

	room   *room
	window *window
	slots  *flow.Gauge // large files in work
	temps  *flow.Gauge // small files between their writing and their name
	pages  *flow.Gauge // WANT pages under way
	pieces *flow.Gauge // of old files that are listed

	mu   sync.Mutex      // guards sums; under it nothing else is taken
	sums checksum.Sumset // of what was delivered, or compared and is equal
}

// outcome is a verdict that is no failure.
type outcome struct {
	status transfer.Status
	name   string       // that the item got, if it is not its own
	at     string       // under which it was found, if it is not its own
	cause  framing.Code // why it was skipped
}

// skipped is the outcome of an item that is left alone.
func skipped(cause framing.Code) outcome {
	return outcome{status: transfer.StatusSkipped, cause: cause}
}

// done gives the verdict DONE on an entry.
func (s *settler) done(e *entry, o outcome) error {
	f, ok := s.ledger.settle(e)
	if !ok {
		return nil
	}
	if o.status == transfer.StatusSame && f.adjusted {
		o.status = transfer.StatusAdjusted
	}
	if e.kind != tree.Folder && o.status != transfer.StatusSkipped {
		if err := s.tellName(e); err != nil {
			return err
		}
	}
	full := s.verdicts.settled(o.record(e.id, f.sum.known))
	if f.sum.known && o.status != transfer.StatusSkipped {
		s.mu.Lock()
		s.sums.Add(e.id, uint64(f.sum.size), f.sum.root)
		s.mu.Unlock()
	}
	s.tell(e, f, o)
	stands := cmp.Or(o.name, o.at, e.name)
	if o.cause == framing.CodeLink {
		stands = ""
	}
	s.stands(e, stands)
	s.goOn(s.links.settled(e, nil, o.cause))
	if full {
		if err := s.verdicts.flush(); err != nil {
			return err
		}
	}
	return s.release(e)
}

// equal settles an entry whose content was found under name. The file there gets the
// metadata of the item. read is the digest of its content, if that was read.
func (s *settler) equal(e *entry, item *tree.Entry, name string, read sum) error {
	at := *item
	at.Name = name
	touch := s.site.Maker.Touch
	if d, ok := s.site.Maker.(storage.Digester); ok && read.known {
		touch = func(e *tree.Entry) (storage.Outcome, error) { return d.TouchRead(e, read.root) }
	}
	o, err := touch(&at)
	if err != nil {
		return s.fail(e, "keeping", err)
	}
	s.note(e, o)
	if name == e.name {
		name = ""
	}
	return s.done(e, outcome{status: transfer.StatusSame, at: name})
}

// digest is the receipt's, once all entries are settled.
func (s *settler) digest() [32]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sums.Sum()
}

// record is the outcome as the sender is told it; verified says that the content was
// hashed on both sides.
func (o outcome) record(id uint64, verified bool) framing.Done {
	d := framing.Done{ID: id, Status: framing.DoneStatus(o.status), Name: []byte(cmp.Or(o.name, o.at)), Code: o.cause}
	switch {
	case o.status == transfer.StatusSame && verified:
		d.Status = framing.DoneEqual
	case o.status == transfer.StatusAdjusted && verified:
		d.Status = framing.DoneEqualAdjusted
	}
	if o.name == "" && o.at != "" {
		d.Status |= framing.DoneElsewhere
	}
	return d
}

// tell counts an outcome and tells the Observer.
func (s *settler) tell(e *entry, f final, o outcome) {
	path := e.path()
	content := e.kind == tree.File || e.kind == tree.Stream
	d := transfer.ItemDone{
		Path: path, At: wire.PlaceOf(path, cmp.Or(o.name, o.at)), Kind: e.kind, Size: f.item.Size, Status: o.status,
		NewName: o.name, Hashed: f.sum.known, Digest: f.sum.root, Cause: o.cause,
	}
	switch {
	case f.sum.known:
		d.Size = f.sum.size
	case content && d.Size > 0:
		s.track.Spared(d.Size, 0)
	}
	s.track.Done(d, content)
}

// fail gives the verdict FAULT on an entry, unless the cause ends the delivery: then it
// returns it.
func (s *settler) fail(e *entry, op string, cause error) error {
	err := itemError(e, op, cause)
	if s.ends(err) {
		return err
	}
	if f, ok := s.ledger.settle(e); ok {
		return s.failed(e, f, err)
	}
	return nil
}

// failAttempt is fail for what went wrong in an attempt: if that is over, it says nothing
// of the next one.
func (s *settler) failAttempt(a *attempt, op string, cause error) error {
	err := itemError(a.of, op, cause)
	if s.ends(err) {
		return err
	}
	if f, ok := s.ledger.settleAttempt(a); ok {
		return s.failed(a.of, f, err)
	}
	return nil
}

// itemError is why an entry fails, at the step op unless the cause names one. The cause
// stays as it is: other entries may fail for it too.
func itemError(e *entry, op string, cause error) *transfer.Error {
	err := *failure.Destination(op, e.path(), cause)
	err.Path = cmp.Or(err.Path, e.path())
	err.Op = cmp.Or(err.Op, op)
	return &err
}

// ends tells whether a failure ends the delivery. A dry run goes on where the delivery
// would end, to tell all there is to tell.
func (s *settler) ends(err *transfer.Error) bool {
	return !err.Remote && failure.StopsDelivery(err) && !(s.site.dry && err.Code == framing.CodeNoSpace)
}

// givenUp gives the verdict on an entry that the sender gave up for err.
func (s *settler) givenUp(e *entry, err *transfer.Error) error {
	err.Path = e.path()
	if f, ok := s.ledger.giveUp(e); ok {
		return s.failed(e, f, err)
	}
	return nil
}

// refuse fails an entry before anything was made of it. The children of a folder that is
// not made fail too.
func (s *settler) refuse(e *entry, cause *transfer.Error) error {
	if e.kind == tree.Folder {
		s.ledger.openFolder(newFolder(e, false, true))
	}
	return s.fail(e, "receiving", cause)
}

// failed sees to what follows from a failure.
func (s *settler) failed(e *entry, f final, err *transfer.Error) error {
	if f.attempt != nil {
		if derr := f.attempt.part.end(e.kind != tree.Stream && err.Code != framing.CodeDigest); derr != nil {
			kept := failure.Destination("putting aside", e.path(), derr)
			if failure.StopsDelivery(kept) {
				return errors.Join(err, kept)
			}
			s.track.Tell(transfer.Notice{Path: e.path(), Err: fmt.Errorf("what came of it stays in %s: %w", tree.PartialName, kept.Err), Stays: true})
		}
	}
	if err := s.verdicts.fault(framing.Fault{ID: e.id, Code: err.Code, Message: failure.Message(err)}); err != nil {
		return err
	}
	s.track.Failed(err)
	s.stands(e, "")
	s.goOn(s.links.settled(e, err, framing.CodeNone))
	return s.release(e)
}

// stands has those entries planned that waited for e to be settled, or made: it stands
// under name, or with an empty one nowhere.
func (s *settler) stands(e *entry, name string) {
	if s.twins == nil || e.kind == tree.Root {
		return
	}
	for _, f := range s.twins.settled(e, name) {
		s.plans.Put(released{f})
	}
}

// goOn has the hard links planned that waited for their target.
func (s *settler) goOn(waited []*entry, retired uint64) {
	for _, e := range waited {
		s.plans.Put(linkable{e})
	}
	s.forget(retired)
}

// forget tells the destination that no more hard links come to an entry; 0 is none.
func (s *settler) forget(id uint64) {
	if id != 0 && s.site.Special != nil {
		s.site.Special.Forget(id)
	}
}

// release gives back what a settled entry had, and finishes its folder if it was the last
// in it.
func (s *settler) release(e *entry) error {
	s.forget(s.links.linked(e))
	had, last := s.ledger.retire(e)
	if had.source {
		s.window.sourceDone()
	}
	if had.slot {
		s.slots.Give(1)
		s.plans.Put(slotFree{}) // another file may wait for it
	}
	if had.temp {
		s.temps.Give(1)
	}
	s.give(had)
	if last == nil {
		return nil
	}
	return s.finishFolder(last)
}

// give gives back what an attempt had that is over.
func (s *settler) give(had freed) {
	if had.pages > 0 {
		s.pages.Give(int64(had.pages))
	}
	if had.holdings.pieces > 0 {
		s.pieces.Give(had.holdings.pieces)
	}
	s.track.Kept(-had.kept)
	s.room.give(had.room)
}

// finishFolder gives a folder its metadata and its verdict: its children are
// all settled.
func (s *settler) finishFolder(f *folder) error {
	e := s.ledger.closeFolder(f)
	if s.twins != nil {
		s.twins.drop(&f.names)
	}
	if f.failed || e == nil {
		return nil
	}
	if s.site.Maker != nil {
		o, err := s.site.Maker.FinishFolder(f.item)
		if err != nil {
			return s.fail(e, "finishing the folder", err)
		}
		s.note(e, o)
	}
	switch at := e.choice.at; {
	case f.existed:
		return s.done(e, outcome{status: transfer.StatusSame, at: at})
	case at != "":
		return s.done(e, outcome{status: transfer.StatusRenamed, name: at})
	}
	return s.done(e, outcome{status: transfer.StatusDelivered})
}

// note takes what the destination tells of an entry beside its success. It comes before
// the verdict on it.
func (s *settler) note(e *entry, o storage.Outcome) {
	if o.Adjusted {
		s.ledger.adjusted(e)
	}
	s.lost(e, o.Lost)
	for _, n := range o.Notes {
		s.track.Lost(n.Path, []tree.Loss{n.Loss})
	}
}

// lost tells what could not be applied to an entry. Its first loss counts: WARN names an
// entry once.
func (s *settler) lost(e *entry, lost []tree.Loss) {
	if len(lost) == 0 || !s.ledger.warns(e) {
		return
	}
	s.verdicts.warn(warning(e.id, lost))
	s.track.Lost(e.path(), lost)
}

// warning is a WARN record about an entry.
func warning(id uint64, lost []tree.Loss) framing.Warn {
	w := framing.Warn{ID: id, Code: failure.LossCode(lost[0].Err)}
	for _, l := range lost {
		w.Attrs |= framing.Attributes(l.What)
	}
	return w
}
