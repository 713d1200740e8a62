package object

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
)

// How often it is noted how far an upload is: when the store has so many bytes more, or when
// it was noted that long ago and there is something new. What is noted of a large file is large,
// so it is done less often: a state is at most that part of what was sent since.
const (
	noteEvery  = 64 << 20
	noteAfter  = 3 * time.Second
	stateShare = 16
)

// upload is the upload of one file in parts.
type upload struct {
	s     *store
	key   string
	lay   layout
	meta  meta
	lease *lease // nil: it leaves nothing, and nobody else is kept from it
	every int64  // noteEvery, but in tests

	starting sync.Mutex // held while the upload is begun
	mu       sync.Mutex // guards what follows; a leaf
	id       string     // empty: not begun
	done     map[int]sent
	parts    map[int]bucket.Part
	unsaved  int64 // bytes that the store has and the state does not tell
	noted    int64 // bytes of chaining values that the next state has
	found    int   // parts that were there when it was begun
}

func newUpload(s *store, key string, lay layout, m meta, l *lease) *upload {
	return &upload{s: s, key: key, lay: lay, meta: m, lease: l, every: noteEvery, done: make(map[int]sent), parts: make(map[int]bucket.Part)}
}

// resume goes on with what an earlier delivery left: of the parts that it noted, those that the
// store has as it noted them. An upload that is gone is begun anew.
func (u *upload) resume(ctx context.Context, before *state) error {
	parts, err := u.s.b.Parts(ctx, u.key, before.Upload)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at := make(map[int]bucket.Part, len(parts))
	for _, p := range parts {
		at[p.Number] = p
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.id = before.Upload
	for _, p := range before.sent {
		has, there := at[p.Number]
		_, n := u.lay.span(p.Number)
		if there && has.ETag == p.ETag && has.Size == n && (has.Sum == p.Sum || has.Sum == "" || p.Sum == "") {
			has.Sum = p.Sum
			u.done[p.Number], u.parts[p.Number] = p, has
			u.noted += int64(len(p.CVs)) * int64(len(checksum.CV{}))
			u.found++
		}
	}
	return nil
}

// begin begins the upload at the store, once.
func (u *upload) begin(ctx context.Context) (id string, err error) {
	u.starting.Lock()
	defer u.starting.Unlock()
	if id = u.begun(); id != "" {
		return id, nil
	}
	if id, err = u.s.b.Begin(ctx, u.key, u.meta.encode()); err != nil {
		return "", err
	}
	u.mu.Lock()
	u.id = id
	u.mu.Unlock()
	// Before a part is sent: what nobody knows of is never cleared away.
	if err = u.save(ctx); errors.Is(err, errForeign) {
		_ = u.s.b.Abort(ctx, u.key, id) // the state is another delivery's, which does not know of it
	}
	return id, err
}

// begun is the id of the upload; empty if it is not begun.
func (u *upload) begun() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.id
}

// send sends a part, and notes from time to time how far the upload is.
func (u *upload) send(ctx context.Context, number int, body []byte, cvs []checksum.CV) error {
	id, err := u.begin(ctx)
	if err != nil {
		return err
	}
	if u.lease != nil && u.lease.isLost() {
		return errForeign
	}
	p, err := u.s.b.PutPart(ctx, u.key, id, number, body)
	if errors.Is(err, fs.ErrNotExist) {
		return errEnded
	}
	if err != nil {
		return err
	}
	if u.sent(p, cvs, int64(len(body))) || u.lease != nil && u.lease.age() > noteAfter {
		return u.save(ctx)
	}
	return nil
}

// sent notes a part that the store has. It reports whether the state is to be written.
func (u *upload) sent(p bucket.Part, cvs []checksum.CV, n int64) (due bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts[p.Number] = p
	if u.lease == nil {
		return false
	}
	if cvs != nil {
		u.done[p.Number] = sent{p.Number, p.ETag, p.Sum, cvs}
		u.noted += int64(len(cvs)) * int64(len(checksum.CV{}))
	}
	u.unsaved += n
	return u.unsaved >= max(u.every, stateShare*u.noted)
}

// save writes how far the upload is.
func (u *upload) save(ctx context.Context) error {
	if u.lease == nil {
		return nil
	}
	id, parts := u.notes()
	return u.lease.save(ctx, id, parts, false)
}

// dirty tells whether the store has parts that the state does not tell of.
func (u *upload) dirty() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.unsaved > 0
}

// notes are what a state tells.
func (u *upload) notes() (id string, parts []sent) {
	u.mu.Lock()
	defer u.mu.Unlock()
	parts = make([]sent, 0, len(u.done))
	for _, p := range u.done {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b sent) int { return a.Number - b.Number })
	u.unsaved = 0
	return u.id, parts
}

// has tells whether the store has a part, and the chaining value of one of its chunks.
func (u *upload) has(number int, chunk int) (cv checksum.CV, known, there bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, there = u.parts[number]
	if p, ok := u.done[number]; ok && chunk < len(p.CVs) {
		return p.CVs[chunk], true, there
	}
	return cv, false, there
}

// redo forgets a part, which is sent anew.
func (u *upload) redo(number int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.parts, number)
	delete(u.done, number)
}

// claims are the parts of which the chaining values are known, in order.
func (u *upload) claims() []sent {
	_, parts := u.notes()
	return parts
}

// whole are all parts, in order; false if one is missing.
func (u *upload) whole(lay layout) ([]bucket.Part, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	parts := make([]bucket.Part, 0, lay.parts())
	for number := 1; number <= lay.parts(); number++ {
		p, there := u.parts[number]
		if _, n := lay.span(number); !there || p.Size != n {
			return nil, false
		}
		parts = append(parts, p)
	}
	return parts, true
}

// stored is how many bytes the store has.
func (u *upload) stored() (n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, p := range u.parts {
		n += p.Size
	}
	return n
}

// leave leaves the upload to the next delivery, or gives it up if there is nothing in it.
func (u *upload) leave() error {
	if u.lease == nil {
		return u.giveUp()
	}
	id, parts := u.notes()
	if len(parts) == 0 {
		return u.giveUp()
	}
	u.lease.let()
	ctx, cancel := u.s.last()
	defer cancel()
	err := u.lease.save(ctx, id, parts, true)
	if errors.Is(err, errForeign) {
		return nil // another delivery goes on with it
	}
	return err
}

// giveUp removes the upload and its state, unless another delivery has both by now. The state
// is taken once more before that: this side may not have heard yet that it is lost. If the upload
// cannot be removed, the state goes on telling of it, to whoever comes next.
func (u *upload) giveUp() error {
	ctx, cancel := u.s.last()
	defer cancel()
	id := u.begun()
	if u.lease == nil {
		if id == "" {
			return nil
		}
		return u.s.b.Abort(ctx, u.key, id)
	}
	u.lease.let()
	// Without its parts: what is given up may be wrong, and the list of them is long.
	err := u.lease.save(ctx, id, nil, false)
	if err != nil && !u.lease.stands(ctx) {
		if errors.Is(err, errForeign) {
			return nil
		}
		return err
	}
	if id != "" {
		if err := u.s.b.Abort(ctx, u.key, id); err != nil {
			return errors.Join(err, u.lease.free(&state{header: header{Upload: id}}))
		}
	}
	return u.lease.drop(ctx)
}
