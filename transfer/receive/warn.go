package receive

import (
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// narrow takes off e what this delivery does not apply. A MetadataDestination
// knows the umask, and what stands there already.
func (r *receiver) narrow(e *tree.Entry) {
	wire.Narrow(e, r.granted)
	if r.meta == nil {
		e.Mode &^= r.granted.Umask
	}
}

// stored is how much of an announced file needs room, as far as the sender knows.
func (e *inEntry) stored() int64 {
	return max(e.entry.Size-int64(e.holes), min(e.entry.Size, 0)) // it may have changed since
}

// grantMetadata settles what of the offered metadata is taken: what was permitted
// and the destination can keep. An archive can keep all.
func (r *receiver) grantMetadata() {
	permitted := r.opt.Metadata
	permitted.Numeric = true // a wish about owners, which needs no permission
	wish := wire.Metadata(r.offer.Flags)
	r.granted = wire.Metadata(r.offer.Flags & wire.Flags(permitted))
	r.granted.System = r.granted.Xattrs && permitted.System
	r.track.Declined(wish, r.granted, framing.CodeDeclined, false)
	if r.opt.Output != nil {
		return // modes as sent: whoever unpacks an archive has a umask
	}
	r.granted.Umask = permitted.Umask
	if x, ok := r.dst.(storage.Exposer); ok {
		x.OnExposed(func(path string, lost tree.Loss) { r.track.Lost(path, []tree.Loss{lost}) })
	}
	if a, ok := r.dst.(storage.Adjuster); ok {
		a.OnAdjusted(r.adjust)
	}
	if c, ok := r.dst.(storage.Clearer); ok && c.MakesWay() && r.opt.OnConflict == transfer.ConflictOverwrite {
		r.way = c
	}
	d, ok := r.dst.(storage.MetadataDestination)
	if !ok {
		r.track.Declined(r.granted, tree.Metadata{}, framing.CodeUnsupported, false)
		r.granted = tree.Metadata{Umask: permitted.Umask}
		return
	}
	r.meta = d
	d.Grant(r.granted, r.lose)
}

// adjust notes that the metadata of an entry, which is found the same, is changed.
func (r *receiver) adjust(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[id]; e != nil {
		e.adjusted = true
	}
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
