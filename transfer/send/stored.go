package send

import (
	"errors"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// stored is the digest that the content of a source has, as the source knows from whoever put
// it there. It spares nothing: what is read is hashed as ever, and held against it.
type stored struct {
	root  checksum.Digest
	known bool
}

// storedAs is what a storage.Source or a storage.File knows.
func storedAs(source any) (s stored) {
	if d, ok := source.(storage.Digested); ok {
		s.root, s.known = d.Digest()
	}
	return s
}

// differs reports whether content with that digest is not what was stored.
func (s stored) differs(root checksum.Digest) bool { return s.known && s.root != root }

// ErrSpoiled: what was read is not what was stored.
var ErrSpoiled = errors.New("its content has not the digest that it was stored with: the store gave back other bytes than it was given, or somebody changed its metadata")

// spoiled is giveUp of such a file.
func (t *attempts) spoiled(e *entry) error {
	return t.giveUp(e, &transfer.Error{Op: "reading", Path: e.item.Display, Code: framing.CodeDigest, Err: ErrSpoiled})
}

// endsAll reports whether what was met at one item would be met at all others too.
func endsAll(err error) bool { return tree.Crowded(err) || errors.Is(err, storage.ErrSourceAway) }

// goAhead lets sources that take their time read all files of the pack at once.
func (j *packJob) goAhead() {
	for _, e := range j.entries {
		if e.item.Away == nil {
			continue
		}
		if s, ok := storage.OfItem(e.item).(storage.Eager); ok {
			s.Ahead(e.item.Size)
		}
	}
}

// spoiled takes files out of the pack that are not what was stored. If there were any, the
// others are to be fetched again.
func (j *packJob) spoiled(r *reader, kept []*entry, roots []checksum.Digest) (found bool, err error) {
	left := make([]*entry, 0, len(kept))
	for i, e := range kept {
		if e.item.Away == nil || !storedAs(storage.OfItem(e.item)).differs(roots[i]) {
			left = append(left, e)
		} else if err := r.attempts.spoiled(e); err != nil {
			return true, err
		}
	}
	if len(left) == len(kept) {
		return false, nil
	}
	j.keep()
	j.entries, j.Size = left, 0
	return true, nil
}
