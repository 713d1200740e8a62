package receive

import (
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// narrow takes off e what this delivery does not apply. Only the destination knows what
// the umask leaves, which depends on what stands there already.
func (r *receiver) narrow(e *tree.Entry) { wire.Narrow(e, r.granted) }

// stored is how much of an announced file needs room, as far as the sender knows.
func (e *inEntry) stored() int64 {
	return max(e.entry.Size-int64(e.holes), min(e.entry.Size, 0)) // it may have changed since
}

// grantMetadata settles what of the offered metadata is taken: what was permitted
// and the destination can keep. An archive can keep all. It starts the delivery at the
// destination.
func (r *receiver) grantMetadata() error {
	permitted := r.opt.Metadata
	permitted.Numeric = true // a wish about owners, which needs no permission
	wish := wire.Metadata(r.offer.Flags)
	r.granted = wire.Metadata(r.offer.Flags & wire.Flags(permitted))
	r.granted.System = r.granted.Xattrs && permitted.System
	r.track.Declined(wish, r.granted, framing.CodeDeclined, false)
	if r.opt.Output != nil {
		return nil // modes as sent: whoever unpacks an archive has a umask
	}
	r.granted.Umask = permitted.Umask
	l, err := r.dst.Start(r.granted)
	if err != nil {
		return err
	}
	if r.dry && l.Estimate == nil || !r.dry && l.Files == nil {
		return errors.New("it is not of the kind that this delivery needs")
	}
	r.at = l
	r.tellNotes(l.Notes)
	r.track.Declined(r.granted, l.Keeps, framing.CodeUnsupported, false)
	r.granted = l.Keeps
	if r.opt.OnConflict == transfer.ConflictOverwrite {
		r.way = l.Way
	}
	return nil
}

// tellNotes tells what was found of the destination.
func (r *receiver) tellNotes(notes []storage.Note) {
	for _, n := range notes {
		r.track.Lost(n.Path, []tree.Loss{n.Loss})
	}
}

// hear takes what the destination says of an entry beside an error. It comes before the
// entry's verdict.
func (r *receiver) hear(e *inEntry, out storage.Outcome) {
	if out.Adjusted {
		r.mu.Lock()
		e.adjusted = true // found the same, and its metadata changed
		r.mu.Unlock()
	}
	r.tellNotes(out.Notes)
	r.lose(e.id, out.Lost)
}

// lose takes what could not be applied to an entry. The first word on an entry
// counts; WARN leaves with the next verdicts, and before that on the entry, so
// that the sender still knows it. Only that on the destination itself comes later.
func (r *receiver) lose(id uint64, lost []tree.Loss) {
	if len(lost) == 0 {
		return
	}
	w := framing.Warn{ID: id, Code: failure.LossCode(lost[0].Err)}
	for _, l := range lost {
		w.Attrs |= framing.Attributes(l.What)
	}
	r.mu.Lock()
	e := r.entries[id]
	path := "."
	if e != nil {
		if e.warned {
			r.mu.Unlock()
			return
		}
		e.warned = true
		path = e.path()
	}
	r.warnings = w.Append(r.warnings)
	r.mu.Unlock()
	r.track.Lost(path, lost)
}
