package serve

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/flow"
)

const (
	// recountAfter is when what stands below a path is counted again: somebody may have taken
	// files away.
	recountAfter = 10 * time.Minute
	// recountSoon is the same where there is not enough room, or a delivery failed, which
	// leaves unfinished files. Counting takes at most one part in recountPart of the time.
	recountSoon = 5 * time.Second
	recountPart = 20
	// mostPromised bounds what one delivery is promised, in bytes, so that the sum of all is a
	// number. Sizes come from peers, and a key without a quota may name any.
	mostPromised = 1 << 46
)

// quotas know what stands below the paths of keys with a quota, and what is on its way
// there. Deliveries of keys without one count too. Unfinished files may take as much again as
// the quota: what is delivered again goes on with them, and needs all of its room beside them.
type quotas struct {
	root Root
	now  func() time.Time

	mu     sync.Mutex // guards what follows, and the usages
	byPath map[string]*usage
}

// usage is what stands below a path, in bytes.
type usage struct {
	path     []string
	used     int64
	left     int64 // of unfinished files that nobody writes, at most
	promised int64 // to files that are on their way
	since    int64 // that used has grown by since the count that is under way began
	dropped  int64 // that left has, likewise
	counted  time.Time
	took     time.Duration
	dirty    bool          // something was left that used does not have
	counting chan struct{} // closed when that is over; nil: nobody counts
}

func newQuotas(root Root) *quotas {
	return &quotas{root: root, now: time.Now, byPath: make(map[string]*usage)}
}

// quotaError says that a key would bring more than it may.
type quotaError struct{ Quota int64 }

func (e *quotaError) Error() string {
	return fmt.Sprintf("over the quota of %s that this key has here", transfer.SizeText(e.Quota))
}

// fresh has the usage of a path counted if it is not known, or not well enough. Several wait
// for one count.
func (q *quotas) fresh(ctx context.Context, path []string, soon bool) error {
	for {
		q.mu.Lock()
		u := q.usage(path)
		if !u.due(q.now(), soon) {
			q.mu.Unlock()
			return nil
		}
		if other := u.counting; other != nil {
			q.mu.Unlock()
			select {
			case <-other:
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		u.counting, u.dirty, u.since, u.dropped = make(chan struct{}), false, 0, 0
		q.mu.Unlock()
		began := q.now()
		n, err := q.root.Usage(ctx, path)
		q.mu.Lock()
		close(u.counting)
		u.counting = nil
		if err != nil {
			u.dirty = true
			q.mu.Unlock()
			return fmt.Errorf("counting what the quota is of: %w", err)
		}
		// Unfinished files that are being written are promised their room already.
		// What came meanwhile may have been seen or not.
		u.used = max(flow.Plus(n.Files, u.since), 0)
		u.left = flow.Plus(max(n.Partial-u.promised, 0), u.dropped)
		u.counted, u.took = q.now(), q.now().Sub(began)
		q.mu.Unlock()
		return nil
	}
}

// usage needs mu.
func (q *quotas) usage(path []string) *usage {
	key := strings.Join(path, "/")
	u := q.byPath[key]
	if u == nil {
		u = &usage{path: path}
		q.byPath[key] = u
	}
	return u
}

// due tells whether u is to be counted. It needs quotas.mu.
func (u *usage) due(now time.Time, soon bool) bool {
	age := now.Sub(u.counted)
	switch {
	case u.counted.IsZero():
		return true
	case soon || u.dirty:
		return age >= max(recountSoon, recountPart*u.took)
	}
	return age >= max(recountAfter, recountPart*u.took)
}

// room is what may be promised still, of a limit in bytes. It needs quotas.mu.
func (u *usage) room(limit int64) int64 {
	taken := flow.Plus(u.used, u.promised)
	return min(limit-taken, flow.Plus(limit, limit)-flow.Plus(taken, u.left))
}

// account is what one delivery takes of quotas. One without a limit counts too: others may
// have one on what is there.
type account struct {
	quotas *quotas
	own    []string // the path that limit is for
	limit  int64    // 0: none
	usages []*usage // of the path that the delivery lands in, and of those above it

	mu       sync.Mutex       // guards what follows; quotas.mu is taken under it
	promised map[uint64]int64 // by entry
	total    int64            // of promised
	begun    map[uint64]bool  // entries of which something may be on the disk
}

// open begins an account of a delivery that lands at path, of a key that may have limit
// bytes below own.
func (q *quotas) open(ctx context.Context, own []string, limit int64, at []string) (*account, error) {
	if limit > 0 {
		if err := q.fresh(ctx, own, false); err != nil {
			return nil, err
		}
	}
	a := &account{quotas: q, own: own, limit: limit, promised: make(map[uint64]int64), begun: make(map[uint64]bool)}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, u := range q.byPath {
		if within(u.path, at) {
			a.usages = append(a.usages, u)
		}
	}
	return a, nil
}

// fits tells whether an offer of n bytes may be within the limit. All says that all of them come,
// whatever is there: then there has to be room for as many more. What was deleted by others since
// it was counted is found out first. Of another offer a part may be there already, so that only
// what comes is promised its room; what could never be there is declined at once.
func (a *account) fits(ctx context.Context, n int64, all bool) error {
	if a.limit == 0 || a.room() >= n || !all && n <= a.limit {
		return nil
	}
	if err := a.quotas.fresh(ctx, a.own, true); err != nil {
		return err
	}
	if a.room() < n {
		return &quotaError{a.limit}
	}
	return nil
}

func (a *account) room() int64 {
	a.quotas.mu.Lock()
	defer a.quotas.mu.Unlock()
	return a.quotas.usage(a.own).room(a.limit)
}

// begin notes that something of an entry may be on the disk from now on.
func (a *account) begin(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun[id] = true
}

// take promises an entry room for n bytes in all.
func (a *account) take(ctx context.Context, id uint64, n int64) error {
	err := a.promise(id, n)
	if err == nil {
		return nil
	}
	if again := a.quotas.fresh(ctx, a.own, true); again != nil {
		return again
	}
	return a.promise(id, n)
}

func (a *account) promise(id uint64, n int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	more := n - a.promised[id]
	if more <= 0 {
		return nil
	}
	q := a.quotas
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.limit > 0 && q.usage(a.own).room(a.limit) < more {
		return &quotaError{a.limit}
	}
	more = min(more, mostPromised-a.total)
	for _, u := range a.usages {
		u.promised += more
	}
	a.promised[id] += more
	a.total += more
	return nil
}

// settle turns what an entry was promised into what it takes: it is there, and took the place
// of as many bytes as gone.
func (a *account) settle(id uint64, gone int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.promised[id]
	delete(a.promised, id)
	delete(a.begun, id)
	a.total -= n
	a.move(n, n-gone, 0)
}

// close gives back what was promised to entries that did not come. What there is of them
// is counted later, and is taken for all of them until then.
func (a *account) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	var n, left int64
	for id, p := range a.promised {
		n += p
		if a.begun[id] {
			left += p
		}
	}
	clear(a.promised)
	clear(a.begun)
	a.total = 0
	a.move(n, 0, left)
}

// move takes n off what is promised, and adds to what is used, and left unfinished. It needs
// mu.
func (a *account) move(n, used, left int64) {
	q := a.quotas
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, u := range a.usages {
		u.promised -= n
		u.used = max(flow.Plus(u.used, used), 0)
		u.since += used
		flow.Grow(&u.left, left)
		flow.Grow(&u.dropped, left)
		u.dirty = u.dirty || left > 0
	}
}
