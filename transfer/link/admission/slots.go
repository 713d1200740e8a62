package admission

import (
	"net"
	"slices"
	"sync"
	"time"
)

// stage is how far a connection without proof has come.
type stage uint8

const (
	stageSilent stage = iota // not a byte yet
	stageSpoke               // the TLS handshake has begun, or will when it has a place
	stageTLS                 // and is done; HELLO and PROOF are due
)

// grace is for how long a place is safe after each step. An honest peer needs one round
// trip for a step.
const grace = 250 * time.Millisecond

// evictStep and evictBurst pace the throwing out: each brings another handshake
// to compute. At this rate all places change hands within one grace.
const (
	evictStep  = grace / maxPending
	evictBurst = 8
)

// Slot is one connection without proof. What is exported does not change; all else
// belongs to the lock of its Slots.
type Slot struct {
	Conn   net.Conn
	Source Source
	Born   time.Time // it was accepted: all limits count from here

	since  time.Time // it got its place, or came on from there; zero while it waits
	stage  stage
	exempt bool          // proven, or names a live session: neither counted for its source nor evicted
	turn   chan struct{} // closed when it gets its place, or is dropped
}

// Slots bounds the connections without proof, and shares out maxPending places
// to handshake. A silent connection needs none. A source may have more than
// maxPerSource while nobody else wants them.
//
// When all places are taken, one after another goes to a connection that waits. The
// least advanced whose grace is over, of those the oldest, is thrown out for it.
// The newest and the oldest take turns. Before a large crowd that waits, one
// that just came is among the newest; in a small one that comes back as soon as
// it is thrown out, the oldest is soon reached. All others are kept waiting: to
// close them would only have them back the sooner.
type Slots struct {
	mu      sync.Mutex // guards what follows
	busy    []*Slot    // with a place, by the age of that
	waiting []*Slot    // without, by age
	scarce  bool       // file descriptors have run out before
	oldest  bool       // the oldest that waits is next, not the newest
	pace    time.Time  // nobody is thrown out before
	timer   *time.Timer
	closed  bool
}

// Admit takes a connection in, and drops the one that has waited longest if
// there are too many. named is its source, "" if its address tells that.
func (t *Slots) Admit(conn net.Conn, named string) *Slot {
	s := &Slot{Conn: conn, Source: sourceOf(conn, named), Born: time.Now(), turn: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = append(t.waiting, s)
	if len(t.waiting) > maxWaiting {
		t.dropOldest()
	}
	return s
}

// Begin waits for a place, for a connection that has spoken. It returns false
// when there is none within its time for TLS, or the connection was dropped.
func (t *Slots) Begin(s *Slot) bool {
	t.mu.Lock()
	s.stage = stageSpoke
	t.share()
	t.mu.Unlock()
	late := time.NewTimer(time.Until(s.Born.Add(TLSLimit)))
	defer late.Stop()
	select {
	case <-s.turn:
	case <-late.C:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !s.since.IsZero()
}

// share gives places to connections that wait and have spoken. It needs t.mu.
func (t *Slots) share() {
	count := make(map[Source]int) // of places, by source
	for _, o := range t.busy {
		if !o.exempt {
			count[o.Source]++
		}
	}
	for {
		i, wanted := t.next(count)
		if i < 0 {
			if wanted {
				t.comeBack()
			}
			return
		}
		s := t.waiting[i]
		t.waiting = slices.Delete(t.waiting, i, i+1)
		t.oldest = !t.oldest
		s.since = time.Now()
		t.busy = append(t.busy, s)
		count[s.Source]++
		close(s.turn)
	}
}

// next finds the connection that gets a place now, and makes room for it. It returns -1
// when none can; wanted tells whether one waits. It needs t.mu.
func (t *Slots) next(count map[Source]int) (at int, wanted bool) {
	for n := range t.waiting {
		i := len(t.waiting) - 1 - n
		if t.oldest {
			i = n
		}
		s := t.waiting[i]
		if s.stage == stageSilent {
			continue
		}
		if wanted = true; len(t.busy) < maxPending || t.makeRoom(s, count) {
			return i, true
		}
	}
	return -1, wanted
}

// makeRoom takes a place from another connection, if s has the better claim. A source
// that has its share can only take from itself; one that has not, from sources
// that have more, at once. It needs t.mu.
func (t *Slots) makeRoom(s *Slot, count map[Source]int) bool {
	own := count[s.Source] >= maxPerSource
	if !own && t.evict(func(o *Slot) bool { return count[o.Source] > maxPerSource }, count) {
		return true
	}
	now := time.Now()
	if t.pace.After(now) || !t.evict(func(o *Slot) bool {
		return (!own || o.Source == s.Source) && time.Since(o.since) >= grace
	}, count) {
		return false
	}
	if idle := now.Add(-(evictBurst - 1) * evictStep); t.pace.Before(idle) {
		t.pace = idle
	}
	t.pace = t.pace.Add(evictStep)
	return true
}

// comeBack has share run again when somebody may be thrown out. It needs t.mu.
func (t *Slots) comeBack() {
	if t.timer != nil {
		t.timer.Stop()
	}
	if len(t.busy) == 0 || t.closed {
		return
	}
	next := grace
	for _, o := range t.busy {
		next = min(next, time.Until(o.since.Add(grace)))
	}
	next = max(next, time.Until(t.pace), evictStep)
	t.timer = time.AfterFunc(next, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.share()
	})
}

// evict closes the least advanced of those among, of those the oldest, and
// takes it off count. It needs t.mu.
func (t *Slots) evict(among func(*Slot) bool, count map[Source]int) bool {
	victim := -1
	for i, o := range t.busy {
		if !o.exempt && among(o) && (victim < 0 || o.stage < t.busy[victim].stage) {
			victim = i
		}
	}
	if victim < 0 {
		return false
	}
	count[t.busy[victim].Source]--
	_ = t.busy[victim].Conn.Close() // its goroutine sees the error
	t.busy = slices.Delete(t.busy, victim, victim+1)
	return true
}

// dropOldest closes the one that has waited longest, of the silent if there are
// any. It needs t.mu.
func (t *Slots) dropOldest() {
	i := slices.IndexFunc(t.waiting, func(s *Slot) bool { return s.stage == stageSilent })
	i = max(i, 0)
	t.drop(t.waiting[i])
	t.waiting = slices.Delete(t.waiting, i, i+1)
}

// drop closes one that waits. It needs t.mu.
func (t *Slots) drop(s *Slot) {
	_ = s.Conn.Close()
	close(s.turn)
}

// Shed closes half of those that wait, or else of those with a place, to give
// back file descriptors: one at a time would let in a crowd that stands before an
// honest peer one by one.
func (t *Slots) Shed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scarce = true
	if n := (len(t.waiting) + 1) / 2; n > 0 {
		for range n {
			t.dropOldest()
		}
		return
	}
	count := make(map[Source]int) // nobody is counted here
	for range (len(t.busy) + 1) / 2 {
		t.evict(func(*Slot) bool { return true }, count)
	}
}

// Spare leaves a delivery that is under way its file descriptors, where they
// are known to be few.
func (t *Slots) Spare() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.scarce {
		return
	}
	for len(t.waiting) > 0 && len(t.waiting)+len(t.busy) > maxSpared {
		t.dropOldest()
	}
	count := make(map[Source]int) // nobody is counted here
	for len(t.busy) > maxSpared && t.evict(func(*Slot) bool { return true }, count) {
	}
}

// Shook says that a connection has done its TLS handshake. It is safe again for a grace.
func (t *Slots) Shook(s *Slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.stage, s.since = stageTLS, time.Now()
}

// Exempt keeps the place of a connection that is proven, or that names a live
// session: that is no proof yet, but none but the two ends know the name.
func (t *Slots) Exempt(s *Slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.exempt = true
	t.share() // its source has one more place
}

// Release gives the place back; the connection stays as it is.
func (t *Slots) Release(s *Slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, s); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	if i := slices.Index(t.busy, s); i >= 0 {
		t.busy = slices.Delete(t.busy, i, i+1)
		t.share()
	}
}

// Close closes every connection without proof.
func (t *Slots) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
	for _, s := range t.waiting {
		t.drop(s)
	}
	t.waiting = nil
	for _, s := range t.busy {
		_ = s.Conn.Close()
	}
}
