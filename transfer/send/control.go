package send

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// want is what the receiver asked of an entry, resolved to this side's state.
type want struct {
	entry   *outEntry
	attempt uint8
	kind    framing.WantKind
	first   uint64
	count   uint64
	last    bool
	page    *page // of WantPage
	changed bool  // this side's: the file is not what was announced
	own     bool  // this side's: a chunk of a page differs
}

// page is the part of a WANT page that must be kept: which chunks the receiver
// holds, and their chaining values. At most 128 KiB.
type page struct {
	bitmap []byte
	cvs    []byte // 32 bytes a set bit
}

func (p *page) has(i uint64) bool { return p.bitmap[i/8]&(1<<(i%8)) != 0 }

// control reads stream 0 until the receipt. It never waits for a disk, for
// credit or for a write, because what frees those arrives here.
func (s *sender) control(ctx context.Context) error {
	in := s.link.Stream(0)
	for {
		t, _, err := in.Next()
		if err != nil {
			return s.lost(ctx, err)
		}
		body, err := in.Body()
		if err != nil {
			return s.lost(ctx, err)
		}
		end, err := s.dispatch(t, body)
		if err != nil {
			return err
		}
		if end {
			s.wants.Close()
			s.checks.Close()
			s.bytes.End(errSettled)
			s.link.Part()
			bye := framing.Bye{}
			// The receipt is in hand; a goodbye that does not arrive changes nothing.
			_ = in.Send(true, framing.TypeBye, bye.Append(nil))
			return nil
		}
	}
}

// dispatch handles one frame; end says that it was the receipt.
func (s *sender) dispatch(t framing.Type, body []byte) (end bool, err error) {
	started := false
	select {
	case <-s.accepted:
		started = true
	default:
	}
	if !started && t != framing.TypeAccept && t != framing.TypeDecline && t != framing.TypeBye {
		return false, failure.Violation("%v before ACCEPT", t)
	}
	switch t {
	case framing.TypeAccept:
		if started {
			return false, failure.Violation("a second ACCEPT")
		}
		return false, s.onAccept(body)
	case framing.TypeDecline:
		d, err := framing.ParseDecline(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		return false, failure.Remote("offering", framing.CodeDeclined, d.Message)
	case framing.TypeCredit:
		c, err := framing.ParseCredit(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		s.bytes.Give(int64(c.Bytes))
		return false, nil
	case framing.TypeLimit:
		m, err := framing.ParseLimited(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		s.peerRate.Store(int64(m.Rate))
		s.setLimit()
		return false, nil
	case framing.TypeWant:
		for w, err := range framing.ParseWants(body) {
			if err != nil {
				return false, failure.Malformed(err)
			}
			if err := s.onWant(w); err != nil {
				return false, err
			}
		}
		return false, nil
	case framing.TypeDone:
		for d, err := range framing.ParseDones(body) {
			if err != nil {
				return false, failure.Malformed(err)
			}
			if err := s.onDone(d); err != nil {
				return false, err
			}
		}
		s.track.Refresh()
		return false, nil
	case framing.TypeWarn:
		for w, err := range framing.ParseWarns(body) {
			if err != nil {
				return false, failure.Malformed(err)
			}
			if err := s.onWarn(w); err != nil {
				return false, err
			}
		}
		return false, nil
	case framing.TypeFault:
		f, err := framing.ParseFault(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		return false, s.onFault(f)
	case framing.TypeReceipt:
		r, err := framing.ParseReceipt(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		s.mu.Lock()
		early := !s.walked || len(s.inFlight) > 0
		s.mu.Unlock()
		if early {
			return false, failure.Violation("RECEIPT before everything was settled")
		}
		if err := s.compare(r); err != nil {
			return false, err
		}
		s.agreed.Store(true)
		s.receipt <- r
		return true, nil
	case framing.TypeBye:
		b, err := framing.ParseBye(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		return false, failure.Farewell(b)
	}
	return false, failure.Violation("%v from a receiver", t)
}

func (s *sender) onAccept(body []byte) error {
	a, err := framing.ParseAccept(body)
	if err != nil {
		return failure.Malformed(err)
	}
	if a.EntryWindow < firstEntries || a.EntryBytes < 1 || a.Streams < 1 {
		return failure.Violation("ACCEPT with a window of %d entries and %d streams", a.EntryWindow, a.Streams)
	}
	if extra := a.Flags &^ s.offered.Load(); extra != 0 {
		return failure.Violation("ACCEPT grants flags %#x, which were not offered", extra)
	}
	if s.opt.DryRun && a.Flags&framing.FlagDryRun == 0 {
		return failure.Violation("ACCEPT takes the dry run for a delivery")
	}
	s.accept = a
	s.link.LimitRetry(time.Duration(a.RetrySeconds) * time.Second)
	// A window larger than ours costs this side memory and is not used.
	s.slots.Give(int64(min(a.EntryWindow, flow.EntryWindow)) - firstEntries)
	room := int64(min(a.EntryBytes, flow.EntryBytes))
	s.entryCost.Store(room)
	s.room.Give(room - flow.EntryBytes)
	close(s.accepted)
	s.track.Declined(s.wish, wire.Metadata(a.Flags), framing.CodeDeclined, true)
	return nil
}

func (s *sender) onWant(w framing.Want) error {
	s.mu.Lock()
	e := s.inFlight[w.ID]
	if e == nil {
		s.mu.Unlock()
		return failure.Violation("WANT for entry %d, which is not open", w.ID)
	}
	kind, failed, again := e.item.Kind, e.failed != nil, e.asked
	e.asked = true
	checked := w.Kind == framing.WantCheck && e.checks > int(w.Attempt)
	if w.Kind == framing.WantCheck {
		e.checks = int(w.Attempt) + 1
	}
	s.mu.Unlock()
	if checked {
		return failure.Violation("WANT check twice for entry %d", w.ID)
	}
	if failed {
		return nil // crossed with our FAULT, which the receiver answers
	}
	if kind != tree.File && kind != tree.Stream {
		return failure.Violation("WANT for entry %d, which has no content", w.ID)
	}
	if s.opt.DryRun && w.Kind != framing.WantCheck {
		return failure.Violation("WANT for the content of entry %d in a dry run", w.ID)
	}
	if kind == tree.Stream && (again || w.Kind != framing.WantAll) {
		return failure.Violation("WANT for a part of stream %d", w.ID)
	}
	if s.queued.Add(1) > maxWants {
		return failure.Violation("more WANTs than entries")
	}
	out := want{entry: e, attempt: w.Attempt, kind: w.Kind, first: w.First, count: w.Count, last: w.Last}
	if w.Kind == framing.WantPage {
		// Pages of attempts that are over count here for a while longer than there.
		if s.pages.Add(1) > 2*flow.PagesWindow {
			return failure.Violation("more than %d WANT pages under way", 2*flow.PagesWindow)
		}
		out.page = &page{bitmap: append([]byte(nil), w.Bitmap...), cvs: append([]byte(nil), w.CVs...)}
	}
	s.track.Enter(transfer.PhaseTransfer)
	s.wants.Put(out)
	return nil
}

// settle takes an entry out of flight. It returns nil for one that is not in it.
func (s *sender) settle(id uint64) *outEntry {
	s.mu.Lock()
	e := s.inFlight[id]
	if e == nil {
		s.mu.Unlock()
		return nil
	}
	delete(s.inFlight, id)
	all := s.walked && len(s.inFlight) == 0
	file, stop := e.file, e.stop
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	if file != nil {
		s.drop(file)
	}
	s.slots.Give(1)
	s.room.Give(e.cost)
	if all {
		s.track.Enter(transfer.PhaseSyncing)
	}
	return e
}

func (s *sender) onDone(d framing.Done) error {
	s.mu.Lock()
	e := s.inFlight[d.ID]
	if e == nil {
		s.mu.Unlock()
		return failure.Violation("DONE for entry %d, which is not open", d.ID)
	}
	elsewhere := d.Status&framing.DoneElsewhere != 0 // it has d.Name
	d.Status &^= framing.DoneElsewhere
	content := e.item.Kind == tree.File || e.item.Kind == tree.Stream
	delivered := d.Status == framing.DoneDelivered || d.Status == framing.DoneRenamed || d.Status == framing.DoneReplaced
	sent := delivered && !s.opt.DryRun
	equal := d.Status == framing.DoneEqual || d.Status == framing.DoneEqualAdjusted
	verified := content && (sent || equal)
	hashed, root, size := e.hashed, e.root, e.size
	s.mu.Unlock()
	if (elsewhere || d.Status == framing.DoneRenamed) && tree.CheckName(string(d.Name)) != nil {
		return failure.Violation("DONE with the name %q", d.Name)
	}
	if verified && !hashed || equal && !content {
		return failure.Violation("DONE for entry %d before all of it was sent", d.ID)
	}
	s.settle(d.ID)
	if d.Status == framing.DoneSkipped && !s.opt.OwnSkips {
		s.track.LeftOut(e.item.Display, d.Code)
		return nil
	}
	status := transfer.Status(d.Status)
	switch d.Status {
	case framing.DoneEqual:
		status = transfer.StatusSame
	case framing.DoneEqualAdjusted:
		status = transfer.StatusAdjusted
	}
	done := transfer.ItemDone{Path: e.item.Display, At: wire.PlaceOf(e.at, string(d.Name)), Kind: e.item.Kind, Size: e.item.Size, Status: status, Cause: d.Code}
	if status == transfer.StatusRenamed {
		done.NewName = string(d.Name)
	}
	if verified {
		done.Hashed, done.Digest, done.Size = true, root, size
		s.mu.Lock()
		s.digest.Add(d.ID, uint64(size), root)
		s.mu.Unlock()
	}
	if content && !sent && done.Size > 0 {
		s.track.Spared(done.Size)
	}
	s.track.Done(done, content)
	return nil
}

func (s *sender) onFault(f framing.Fault) error {
	if f.ID == 0 {
		return failure.Remote("delivering", f.Code, f.Message)
	}
	e := s.settle(f.ID)
	if e == nil {
		return failure.Violation("FAULT for entry %d, which is not open", f.ID)
	}
	err := e.failed // what this side said first, if it did
	if err == nil {
		err = &transfer.Error{Op: "delivering", Path: e.item.Display, Code: f.Code, Remote: true, Err: errors.New(faultText(f))}
	}
	s.track.Failed(err)
	return nil
}

func faultText(f framing.Fault) string {
	if len(f.Message) > 0 {
		return string(f.Message)
	}
	return fmt.Sprint(f.Code)
}

// giveUp tells the receiver that an entry will not be sent (any more). The
// receiver answers with FAULT, which settles it on both sides.
func (s *sender) giveUp(e *outEntry, cause *transfer.Error) error {
	s.mu.Lock()
	first := e.failed == nil
	if first {
		e.failed = cause
	}
	s.mu.Unlock()
	if !first {
		return nil
	}
	f := framing.Fault{ID: e.item.ID, Code: cause.Code, Message: failure.Message(cause)}
	return failure.Link("reporting a failed item", s.link.Stream(0).Send(true, framing.TypeFault, f.Append(nil)))
}

// lost explains the end of stream 0.
func (s *sender) lost(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	s.mu.Lock()
	waiting := s.walked && len(s.inFlight) == 0
	s.mu.Unlock()
	if waiting {
		return failure.Link("waiting for the receipt (unknown whether all of it is durable: run the same command again)", err)
	}
	return failure.Link("delivering", err)
}
