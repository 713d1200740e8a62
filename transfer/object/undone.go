package object

import (
	"context"
	"maps"
	"time"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
)

// What a delivery that died left half done, and its state tells of.

// dressDead gives an object its digest, if the delivery whose state is o completed it and died
// before that. That it is what was sent, the store has to tell by the checksum or ETag of its
// parts. What fails leaves the object as it is: whole, with its times and mode.
func (f *files) dressDead(ctx context.Context, o bucket.Object) {
	st, _, err := f.leases.read(ctx, o.Key)
	if err != nil || st.Size > bucket.MaxCopy {
		return
	}
	lay := st.layout()
	if len(st.sent) != lay.parts() {
		return
	}
	tree, parts := checksum.NewTree(st.Size), make([]bucket.Part, len(st.sent))
	chunk := uint64(0)
	for i, p := range st.sent {
		_, n := lay.span(p.Number)
		parts[i] = bucket.Part{Number: p.Number, ETag: p.ETag, Sum: p.Sum, Size: n}
		for _, cv := range p.CVs {
			if tree.Set(chunk, cv) != nil {
				return
			}
			chunk++
		}
	}
	root, err := tree.Root()
	if err != nil {
		return
	}
	stands, proven, err := f.s.b.Made(ctx, st.Path, parts)
	m := decodeMeta(stands.Meta)
	if err != nil || !proven || m.HasDigest || !m.HasMTime || formatTime(m.MTime) != st.MTime {
		return
	}
	m.Digest, m.HasDigest = root, true
	all := maps.Clone(stands.Meta)
	maps.Copy(all, m.encode())
	_, _ = f.s.b.Copy(ctx, stands, st.Path, all, bucket.Condition{}) // as said above
}

// unheard gives up an upload of the file at path that a delivery began which died before it
// heard of that: its state, written last at that time, names none. Uploads of others, which
// began before or long after it, stay. What fails is left to the rules of the bucket.
func (ls *leases) unheard(ctx context.Context, path string, noted time.Time) {
	for u, err := range ls.s.b.Uploads(ctx, path) {
		if err != nil {
			return // some stores say so where no upload was ever begun
		}
		if u.Key == path && !u.Begun.Before(noted.Add(-time.Second)) && u.Begun.Before(noted.Add(silence)) {
			_ = ls.s.b.Abort(ctx, u.Key, u.ID)
		}
	}
}
