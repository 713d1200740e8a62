package object

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"ferry/transfer/internal/flow"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
)

const (
	// maxLitterAge is how long an upload is kept that nobody goes on with.
	maxLitterAge = 30 * 24 * time.Hour
	// maxTrialAge is how long something else is kept that was to be there for a moment.
	maxTrialAge = 24 * time.Hour
	// maxLooked bounds the states that are read to tell what is left.
	maxLooked = 256
)

// leftovers tells what earlier deliveries left, and nobody is at. What is older than 30 days,
// or of no use, is removed and not among it.
func (f *files) leftovers(ctx context.Context) (left []storage.Leftover, err error) {
	own := make(map[string]bool)
	for _, l := range f.leases.all() {
		own[l.key] = true
	}
	var now time.Time
	looked := 0
	for o, err := range f.s.b.List(ctx, statePrefix, false) {
		if err != nil {
			return left, fail("looking for leftovers in", statePrefix, err)
		}
		if o.Folder || own[o.Key] {
			continue
		}
		if now.IsZero() {
			if now, err = f.leases.clock(ctx); err != nil {
				return left, fail("looking for leftovers in", statePrefix, err)
			}
		}
		age := now.Sub(o.Modified)
		switch {
		case !isStateObject(o.Key):
			if age > maxTrialAge {
				f.s.b.Delete(ctx, []string{o.Key}) // tried again by the next delivery
			}
			continue
		case looked < maxLooked:
			looked++
			stays, err := f.stays(ctx, o.Object, age)
			if err != nil {
				return left, fail("looking for leftovers in", statePrefix, err)
			}
			if !stays {
				continue
			}
		}
		left = append(left, storage.Leftover{Path: o.Key})
	}
	slices.SortFunc(left, func(a, b storage.Leftover) int { return strings.Compare(a.Path, b.Path) })
	return left, nil
}

// isStateObject reports whether a key has the form of those of states.
func isStateObject(key string) bool {
	sum, err := hex.DecodeString(strings.TrimPrefix(key, statePrefix))
	return err == nil && len(sum) == 20
}

// stays reports that a state is of an upload which somebody may go on with. If nobody is at it,
// and it is old or of no use, it is removed.
func (f *files) stays(ctx context.Context, o bucket.Object, age time.Duration) (bool, error) {
	h, err := peek(ctx, f.s.b, o)
	switch {
	case errors.Is(err, errState):
		if age > maxLitterAge {
			f.s.b.Delete(ctx, []string{o.Key})
			return false, nil
		}
		return true, nil
	case errors.Is(err, fs.ErrNotExist), kindOf(err) == bucket.Precondition:
		return false, nil // somebody is at it
	case err != nil:
		return false, err
	}
	if h.Holder.ID != "" && age < silence && !h.Holder.ended(f.leases.self) {
		return false, nil
	}
	useless := h.Upload == ""
	if !useless {
		_, err := f.s.b.Parts(ctx, h.Path, h.Upload)
		useless = errors.Is(err, fs.ErrNotExist)
	}
	if age <= maxLitterAge && !useless {
		return true, nil
	}
	if age <= silence && !h.Holder.ended(f.leases.self) {
		return false, nil // somebody is at it
	}
	if useless && h.Upload != "" {
		f.dressDead(ctx, o)
	}
	// It is taken first: a delivery that claims it meanwhile keeps it, and its upload.
	l, err := f.leases.take(ctx, o, &state{header: h})
	if err != nil && !l.stands(ctx) {
		return !errors.Is(err, errForeign), nil
	}
	switch {
	case h.Upload == "":
		f.leases.unheard(ctx, h.Path, o.Modified)
	case !useless:
		if f.s.b.Abort(ctx, h.Path, h.Upload) != nil {
			_ = l.save(ctx, h.Upload, nil, true)
			return true, nil // as long as it is there; a later delivery tries again
		}
	}
	_ = l.drop(ctx) // what fails is tried again by the next delivery
	return false, nil
}

// peek reads the header of a state.
func peek(ctx context.Context, in *bucket.Bucket, o bucket.Object) (h header, err error) {
	n := min(o.Size, int64(len(stateMagic)+4+maxHeader))
	body, err := in.Get(ctx, o.Key, 0, n, o.ETag)
	if err != nil {
		return h, err
	}
	b, err := io.ReadAll(io.LimitReader(body, n))
	if err = errors.Join(err, body.Close()); err != nil {
		return h, err
	}
	h, _, err = decodeHeader(b)
	return h, err
}

// Unfinished counts the bytes that o takes, an object of ferry's own somewhere below b: its own,
// and those of the parts of the upload that it is the state of.
func Unfinished(ctx context.Context, b *bucket.Bucket, o bucket.Object) (int64, error) {
	at := strings.Index("/"+o.Key, "/"+statePrefix)
	if at < 0 {
		return o.Size, nil
	}
	in := b.Below(strings.TrimSuffix(o.Key[:at], "/"))
	state := o
	if state.Key = o.Key[at:]; !isStateObject(state.Key) {
		return o.Size, nil
	}
	h, err := peek(ctx, in, state)
	var parts []bucket.Part
	if err == nil && h.Upload != "" {
		parts, err = in.Parts(ctx, h.Path, h.Upload)
	}
	n := o.Size
	for _, p := range parts {
		n = flow.Plus(n, p.Size)
	}
	if errors.Is(err, errState) || errors.Is(err, fs.ErrNotExist) || kindOf(err) == bucket.Precondition {
		err = nil // it is none, or has changed meanwhile
	}
	return n, err
}
