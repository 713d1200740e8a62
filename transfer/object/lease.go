package object

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
)

// Times of a lease. All but renewal are by the store's clock.
const (
	renewal   = 30 * time.Second
	silence   = 2 * time.Minute // after which a holder is taken for dead
	maxClaims = 4               // attempts to get hold of what others change at the same time
)

// leases are the state objects of the uploads that this delivery is at. One goroutine renews
// them, from the first one on until the store is ended.
type leases struct {
	s     *store
	owner string
	self  holder
	every time.Duration                                // renewal, but in tests
	clock func(ctx context.Context) (time.Time, error) // the store's

	once sync.Once
	mu   sync.Mutex // guards held
	held map[*lease]bool
}

func newLeases(s *store, owner string) *leases {
	l := &leases{s: s, owner: owner, self: thisHolder(), every: renewal, held: make(map[*lease]bool)}
	l.clock = s.clock
	return l
}

// clock asks the store for the time, by writing a small object.
func (s *store) clock(ctx context.Context) (time.Time, error) {
	key := statePrefix + "clock-" + rand.Text()
	o, err := s.b.Put(ctx, key, []byte("What time is it? This may be removed.\n"), nil, bucket.Condition{})
	if err == nil && o.Modified.IsZero() {
		o, err = s.b.Head(ctx, key)
	}
	s.b.Delete(ctx, []string{key}) // also of a failure, whose answer alone may be lost
	if err != nil {
		return time.Time{}, err
	}
	return o.Modified, nil
}

// lease is the right to write one file, as long as its state object is renewed.
type lease struct {
	all *leases
	key string
	up  *upload // whose state it is; set once, before it is renewed

	mu    sync.Mutex // guards what follows, and is held for a request
	head  header
	etag  string
	saved time.Time // by this clock
	lost  bool      // to another delivery
}

// claim gets the lease for the file that head is about, and what an earlier delivery noted of
// this version of it. What is of no use for this version is given up, but not before the lease
// is this delivery's. The error is storage.ErrLocked if another delivery is at it.
func (ls *leases) claim(ctx context.Context, head header) (l *lease, before *state, err error) {
	l = &lease{all: ls, key: stateKey(ls.owner, head.Path), head: head}
	l.head.Holder = ls.self
	c := bucket.Condition{Absent: true}
	for range maxClaims {
		err := l.put(ctx, before, c)
		if err == nil {
			return l, before, nil
		}
		if !errors.Is(err, errForeign) {
			return nil, nil, err
		}
		var o bucket.Object
		before, o, err = ls.read(ctx, l.key)
		if errors.Is(err, fs.ErrNotExist) || kindOf(err) == bucket.Precondition {
			before, c = nil, bucket.Condition{Absent: true}
			l.head.Upload = ""
			continue
		}
		if err != nil && !errors.Is(err, errState) {
			return nil, nil, err
		}
		held, err := ls.isHeld(ctx, before, o)
		if err != nil {
			return nil, nil, err
		}
		if held {
			return nil, nil, storage.ErrLocked
		}
		old := before
		before, c = inherit(&l.head, old), bucket.Condition{ETag: o.ETag}
		if before == nil && old != nil && (old.Upload != "" || old.Holder.ID != "") {
			if c.ETag, err = ls.forgo(ctx, o, old); err != nil && !errors.Is(err, errForeign) {
				return nil, nil, err
			}
		}
	}
	return nil, nil, storage.ErrLocked
}

// read reads a state object. With errState it is there, and nothing that is understood.
func (ls *leases) read(ctx context.Context, key string) (*state, bucket.Object, error) {
	o, err := ls.s.b.Head(ctx, key)
	if err != nil {
		return nil, o, err
	}
	if o.Size > maxState {
		return nil, o, errState
	}
	body, err := ls.s.b.Get(ctx, key, 0, o.Size, o.ETag)
	if err != nil {
		return nil, o, err
	}
	b, err := io.ReadAll(io.LimitReader(body, maxState))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, o, err
	}
	st, err := decodeState(b)
	return st, o, err
}

// isHeld tells whether the holder of a state object may still be at it. Nil: nobody knows who
// that is.
func (ls *leases) isHeld(ctx context.Context, st *state, o bucket.Object) (bool, error) {
	if st != nil && (st.Holder.ID == "" || st.Holder.ended(ls.self)) {
		return false, nil
	}
	now, err := ls.clock(ctx)
	return now.Sub(o.Modified) < silence, err
}

// inherit returns what of a state is of use for the file that head is about: all or nothing.
func inherit(head *header, st *state) *state {
	head.Upload = ""
	if st == nil || st.Upload == "" || st.Path != head.Path || st.Size != head.Size || st.MTime != head.MTime || st.Part != head.Part {
		return nil
	}
	head.Upload = st.Upload
	return st
}

// forgo gives up the upload of old, the state o of which nothing is of use, and returns the tag
// that the state then has. The state tells of the upload until another one takes its place.
func (ls *leases) forgo(ctx context.Context, o bucket.Object, old *state) (etag string, err error) {
	l, err := ls.take(ctx, o, old)
	if err != nil {
		return o.ETag, err
	}
	switch {
	case old.Upload != "":
		if err = ls.s.b.Abort(ctx, old.Path, old.Upload); err != nil {
			return "", errors.Join(err, l.free(old))
		}
	case old.Holder.ID != "":
		ls.unheard(ctx, old.Path, o.Modified)
	}
	return l.etag, nil
}

// hold has a lease renewed, for the upload up, until it is let go.
func (ls *leases) hold(l *lease, up *upload) {
	l.up = up
	ls.mu.Lock()
	ls.held[l] = true
	ls.mu.Unlock()
	ls.once.Do(func() { ls.s.work.Go(ls.renew) })
}

// renew renews what is held and was not written for a while.
func (ls *leases) renew() {
	tick := time.NewTicker(ls.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ls.s.ctx.Done():
			return
		}
		for _, l := range ls.all() {
			if l.age() >= ls.every*3/4 {
				// What failed is tried again with the next part, and told when the file is published.
				_ = l.up.save(ls.s.ctx)
			}
		}
	}
}

func (ls *leases) all() (all []*lease) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.held {
		all = append(all, l)
	}
	return all
}

// age is how long ago the state was written.
func (l *lease) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.saved)
}

// isLost reports that another delivery has it.
func (l *lease) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// put writes the state object, with the parts of st; nil has none.
func (l *lease) put(ctx context.Context, st *state, c bucket.Condition) error {
	l.head.Serial++
	next := state{header: l.head}
	if st != nil {
		next.sent = st.sent
	}
	body, err := next.encode()
	if err != nil {
		return err
	}
	o, err := l.all.s.b.Put(ctx, l.key, body, nil, c)
	if kindOf(err) == bucket.Precondition {
		return errForeign
	}
	if err == nil {
		l.etag, l.saved = o.ETag, time.Now()
	}
	return err
}

// save writes how far the upload is. The error is errForeign if the lease is lost.
func (l *lease) save(ctx context.Context, upload string, parts []sent, free bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return errForeign
	}
	l.head.Upload = upload
	if free {
		l.head.Holder = holder{}
	}
	err := l.put(ctx, &state{sent: parts}, bucket.Condition{ETag: l.etag})
	l.lost = errors.Is(err, errForeign)
	return err
}

// free gives back a lease of which nothing came.
func (l *lease) free(before *state) error {
	ctx, cancel := l.all.s.last()
	defer cancel()
	return l.save(ctx, before.Upload, before.sent, true)
}

// let stops the renewal.
func (l *lease) let() {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	delete(l.all.held, l)
}

// take makes the state o this delivery's, with all that st tells of it. The error is errForeign
// if another delivery has changed it meanwhile.
func (ls *leases) take(ctx context.Context, o bucket.Object, st *state) (*lease, error) {
	l := &lease{all: ls, key: o.Key, head: st.header, etag: o.ETag}
	l.head.Holder = ls.self
	return l, l.save(ctx, st.Upload, st.sent, false)
}

// stands tells after a save that failed whether the state is this delivery's all the same: the
// answer may be lost, or the store be full. What no state tells of, nobody else has.
func (l *lease) stands(ctx context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	var h header
	o, err := l.all.s.b.Head(ctx, l.key)
	if err == nil && o.ETag != l.etag {
		h, err = peek(ctx, l.all.s.b, o)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && (o.ETag == l.etag || h.Holder == l.all.self):
		l.etag, l.lost = o.ETag, false
		return true
	}
	return false
}

// drop removes the state object, unless it is another delivery's by now.
func (l *lease) drop(ctx context.Context) error {
	l.let()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return nil
	}
	l.lost = true
	for _, err := range l.all.s.b.Delete(ctx, []string{l.key}) {
		return err
	}
	return nil
}
