package receive

import (
	"context"
	"errors"
	"fmt"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// publish gathers sealed files and has them synced and named together. While
// one batch is synced the next gathers.
func (r *receiver) publish(ctx context.Context) error {
	for {
		e, ok, err := r.ready.Take(ctx)
		if err != nil || !ok {
			return err
		}
		batch, err := r.gather(ctx, e)
		if err != nil {
			return err
		}
		pubs := make([]*storage.Publication, len(batch))
		for i, e := range batch {
			pubs[i] = &storage.Publication{Partial: e.partial, Entry: e.entry, Replace: e.expect != nil, Expect: e.expect, Rename: e.rename}
		}
		done := r.track.AtDisk()
		err = r.at.Files.Publish(pubs)
		done()
		if err != nil {
			return failure.DestinationEnds("publishing", "", err)
		}
		for i, e := range batch {
			if pubs[i].Err != nil {
				err = r.fail(e, "publishing", pubs[i].Err)
			} else {
				e.mu.Lock()
				e.partial = nil
				e.mu.Unlock()
				status := transfer.StatusDelivered
				switch {
				case pubs[i].Name != "":
					status = transfer.StatusRenamed
				case pubs[i].Replace:
					status = transfer.StatusReplaced
				}
				r.lose(e.id, pubs[i].Lost)
				err = r.settle(e, status, pubs[i].Name)
			}
			if err != nil {
				return err
			}
		}
		if err := r.sendVerdicts(); err != nil {
			return err
		}
	}
}

// gather takes what is ready, and waits a little for more unless nothing more
// can come.
func (r *receiver) gather(ctx context.Context, first *inEntry) ([]*inEntry, error) {
	batch, size := []*inEntry{first}, first.size
	due, cancel := context.WithTimeout(ctx, publishDelay)
	defer cancel()
	for len(batch) < publishFiles && size < publishBytes {
		e, ok, _ := r.ready.Try()
		if !ok {
			if r.allReady(len(batch)) {
				break
			}
			var err error
			if e, ok, err = r.ready.Take(due); err != nil || !ok {
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				break
			}
		}
		batch, size = append(batch, e), size+e.size
	}
	return batch, nil
}

// allReady tells whether n sealed files are all that is not settled yet.
func (r *receiver) allReady(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end != nil && len(r.entries)-len(r.folders) <= n
}

// same settles an entry whose content was there already, by size and time.
// touch gives it the mode that the sender has.
func (r *receiver) same(e *inEntry, touch bool) error {
	do := r.at.Maker.Keep
	if touch {
		do = r.at.Maker.Touch
	}
	out, err := do(e.entry)
	if err != nil {
		return r.fail(e, "keeping", err)
	}
	r.hear(e, out)
	return r.settle(e, transfer.StatusSame, "")
}

// equal settles an entry whose content was found under name, by digest. The file
// there gets the metadata that the sender has.
func (r *receiver) equal(e *inEntry, name string) error {
	at := *e.entry
	at.Name = name
	out, err := r.at.Maker.Touch(&at)
	if err != nil {
		return r.fail(e, "keeping", err)
	}
	r.hear(e, out)
	return r.settle(e, transfer.StatusSame, "")
}

// take takes an entry off the books for its verdict. Only the first one counts.
// It comes before the sender can know of the verdict, which then may announce
// another entry in its place.
func (r *receiver) take(e *inEntry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries[e.id] != e {
		return false
	}
	delete(r.entries, e.id)
	r.held -= e.weight
	return true
}

// skip settles an entry that is left alone, for what cause says.
func (r *receiver) skip(e *inEntry, cause framing.Code) error {
	e.skipped = cause
	return r.settle(e, transfer.StatusSkipped, "")
}

// settle gives the verdict DONE on an entry.
func (r *receiver) settle(e *inEntry, status transfer.Status, name string) error {
	if !r.take(e) {
		return nil
	}
	t := e.entry
	r.mu.Lock()
	if status == transfer.StatusSame && e.adjusted {
		status = transfer.StatusAdjusted
	}
	at := name // if it is not its own
	if at == "" && (status == transfer.StatusSame || status == transfer.StatusAdjusted) {
		at = e.at // it was there
	}
	done := framing.Done{ID: t.ID, Status: framing.DoneStatus(status), Name: []byte(at), Code: e.skipped}
	switch {
	case status == transfer.StatusSame && e.hashed:
		done.Status = framing.DoneEqual
	case status == transfer.StatusAdjusted && e.hashed:
		done.Status = framing.DoneEqualAdjusted
	}
	if at != "" && name == "" {
		done.Status |= framing.DoneElsewhere
	}
	r.verdict = done.Append(r.verdict)
	full := max(len(r.verdict), len(r.warnings)) >= verdictBatch
	if e.hashed && status != transfer.StatusSkipped {
		r.sums.Add(t.ID, uint64(e.size), e.root)
	}
	r.mu.Unlock()
	content := t.Kind == tree.File || t.Kind == tree.Stream
	d := transfer.ItemDone{Path: e.path(), At: wire.PlaceOf(e.path(), at), Kind: t.Kind, Size: t.Size, Status: status, NewName: name, Hashed: e.hashed, Digest: e.root, Cause: e.skipped}
	if e.hashed {
		d.Size = e.size
	}
	if content && !e.hashed && t.Size > 0 {
		r.track.Spared(t.Size)
	}
	r.track.Done(d, content)
	r.archived(e)
	switch {
	case at != "":
		r.retwin(e, at)
	case e.skipped == framing.CodeLink:
		r.retwin(e, "")
	default:
		r.retwin(e, e.name)
	}
	r.linksTo(e, nil)
	if full {
		if err := r.sendVerdicts(); err != nil {
			return err
		}
	}
	return r.release(e)
}

// fail gives the verdict FAULT on an entry, unless the cause ends the delivery.
func (r *receiver) fail(e *inEntry, op string, cause error) error {
	err := failure.Destination(op, e.path(), cause)
	if err.Path == "" {
		err.Path = e.path()
	}
	if err.Op == "" {
		err.Op = op
	}
	// A dry run goes on where the delivery would end, to tell all there is to tell.
	if !err.Remote && failure.StopsDelivery(err) && !(r.dry && err.Code == framing.CodeNoSpace) {
		return err
	}
	if !r.take(e) {
		return nil
	}
	e.io.Lock() // no worker writes to it any more
	e.mu.Lock()
	p := e.partial
	e.partial = nil
	e.mu.Unlock()
	var derr error
	if p != nil {
		derr = p.Discard(e.kind != tree.Stream && err.Code != framing.CodeDigest)
	}
	e.io.Unlock() // what follows waits for the disk and the link
	if derr != nil {
		kept := failure.Destination("putting aside", e.path(), derr)
		if failure.StopsDelivery(kept) {
			return errors.Join(err, kept)
		}
		r.track.Tell(transfer.Notice{Path: e.path(), Err: fmt.Errorf("what came of it stays in %s: %w", tree.PartialName, kept.Err), Stays: true})
	}
	if serr := r.sendFault(framing.Fault{ID: e.id, Code: err.Code, Message: failure.Message(err)}); serr != nil {
		return serr
	}
	r.track.Failed(err)
	r.retwin(e, "")
	r.linksTo(e, err)
	return r.release(e)
}

// release takes a settled entry off the books, and finishes its folder if it
// was the last in it.
func (r *receiver) release(e *inEntry) error {
	r.linkDone(e)
	if e.sourced {
		r.sources.Add(-1)
	}
	if e.large {
		r.large.Give(1)
		r.plans.Put(planItem{}) // another may wait for it
	}
	if e.temp {
		r.temps.Give(1)
	}
	e.mu.Lock()
	pages, owes := len(e.pages), e.owes
	e.pages, e.owes = nil, 0
	e.mu.Unlock()
	r.pages.Give(int64(pages))
	r.due.Add(-owes)
	r.mu.Lock()
	r.settled++
	f := e.parent
	last := false
	if f != nil {
		f.pending--
		last = f.ended && f.pending == 0
	}
	r.closeIfComplete()
	r.mu.Unlock()
	if last {
		return r.finishFolder(f)
	}
	return nil
}

// finishFolder gives a folder its metadata and its verdict: its children are
// all settled.
func (r *receiver) finishFolder(f *inFolder) error {
	r.mu.Lock()
	e := r.entries[f.entry.ID]
	delete(r.folders, f.entry.ID)
	r.mu.Unlock()
	if r.twins != nil {
		r.twins.drop(&f.names)
	}
	if f.failed || e == nil {
		return nil
	}
	if r.at != nil {
		out, err := r.at.Maker.FinishFolder(f.entry)
		if err != nil {
			return r.fail(e, "finishing the folder", err)
		}
		r.hear(e, out)
	}
	switch {
	case f.existed:
		return r.settle(e, transfer.StatusSame, "")
	case e.at != "":
		return r.settle(e, transfer.StatusRenamed, e.at)
	}
	return r.settle(e, transfer.StatusDelivered, "")
}

// closeIfComplete ends the pipeline when everything is settled. Callers hold mu.
func (r *receiver) closeIfComplete() {
	if r.end == nil || r.settled < r.end.Entries || r.closing {
		return
	}
	r.closing = true
	close(r.complete)
	r.plans.Close()
	r.jobs.Close()
	r.bases.Close()
	r.ready.Close()
}

// sendVerdicts sends the DONE records gathered so far.
func (r *receiver) sendVerdicts() error {
	r.verdicts.Lock()
	defer r.verdicts.Unlock()
	return r.sendDone()
}

// sendDone needs r.verdicts: records leave in the order in which they were
// taken, and all of them before RECEIPT.
func (r *receiver) sendDone() error {
	r.mu.Lock()
	body, warnings := r.verdict, r.warnings
	r.verdict, r.warnings = nil, nil
	r.mu.Unlock()
	if len(warnings) > 0 {
		if err := r.link.Stream(0).Send(len(body) == 0, framing.TypeWarn, warnings); err != nil {
			return failure.Link("reporting lost metadata", err)
		}
	}
	if len(body) == 0 {
		return nil
	}
	return failure.Link("reporting items", r.link.Stream(0).Send(true, framing.TypeDone, body))
}

// sendFault sends FAULT, and the DONE records that were there before it.
func (r *receiver) sendFault(f framing.Fault) error {
	r.verdicts.Lock()
	defer r.verdicts.Unlock()
	if err := r.sendDone(); err != nil {
		return err
	}
	return failure.Link("reporting a failed item", r.link.Stream(0).Send(true, framing.TypeFault, f.Append(nil)))
}
