package link

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

// grace is for how long a place is safe from those who wait for one, after each
// step. An honest peer needs one round trip for a step.
const grace = 250 * time.Millisecond

// evictStep and evictBurst pace the throwing out: each brings another handshake
// to compute. At this rate all places change hands within one grace.
const (
	evictStep  = grace / maxPending
	evictBurst = 8
)

// slot is one connection without proof.
type slot struct {
	conn   net.Conn
	source source
	born   time.Time // accept: all limits count from here
	since  time.Time // it got its place, or came on from there; zero while it waits
	stage  stage
	exempt bool          // proven, or names a live session: neither counted for its source nor evicted
	turn   chan struct{} // closed when it gets its place, or is dropped
}

// slots bounds the connections without proof, and shares out maxPending places
// to handshake. A silent connection needs none. A source may have more than
// maxPerSource while nobody else wants them.
//
// When all places are taken, one after another goes to somebody who waits: the
// least advanced whose grace is over, of those the oldest, is thrown out for it.
// The newest and the oldest take turns. Before a large crowd that waits, one
// that just came is among the newest; in a small one that comes back as soon as
// it is thrown out, the oldest is soon reached. All others are kept waiting: to
// close them would only have them back the sooner.
type slots struct {
	mu      sync.Mutex
	busy    []*slot   // with a place, by the age of that
	waiting []*slot   // without, by age
	scarce  bool      // file descriptors have run out before
	oldest  bool      // the oldest of those who wait is next, not the newest
	pace    time.Time // nobody is thrown out before
	timer   *time.Timer
	closed  bool
}

// admit takes a connection in, and drops the one that has waited longest if
// there are too many.
func (t *slots) admit(conn net.Conn) *slot {
	s := &slot{conn: conn, source: sourceOf(conn), born: time.Now(), turn: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = append(t.waiting, s)
	if len(t.waiting) > maxWaiting {
		t.dropOldest()
	}
	return s
}

// begin waits for a place, for a connection that has spoken. It returns false
// when there is none within its time for TLS, or the connection was dropped.
func (t *slots) begin(s *slot) bool {
	t.mu.Lock()
	s.stage = stageSpoke
	t.share()
	t.mu.Unlock()
	late := time.NewTimer(time.Until(s.born.Add(tlsLimit)))
	defer late.Stop()
	select {
	case <-s.turn:
	case <-late.C:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !s.since.IsZero()
}

// share gives places to those who wait and have spoken. It needs t.mu.
func (t *slots) share() {
	count := make(map[source]int) // of places, by source
	for _, o := range t.busy {
		if !o.exempt {
			count[o.source]++
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
		count[s.source]++
		close(s.turn)
	}
}

// next finds who gets a place now, and makes room for it. It returns -1 when
// nobody can; wanted tells whether somebody waits. It needs t.mu.
func (t *slots) next(count map[source]int) (at int, wanted bool) {
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

// makeRoom takes a place from somebody, if s has the better claim. A source
// that has its share can only take from itself; one that has not, from sources
// that have more, at once. It needs t.mu.
func (t *slots) makeRoom(s *slot, count map[source]int) bool {
	own := count[s.source] >= maxPerSource
	if !own && t.evict(func(o *slot) bool { return count[o.source] > maxPerSource }, count) {
		return true
	}
	now := time.Now()
	if t.pace.After(now) || !t.evict(func(o *slot) bool {
		return (!own || o.source == s.source) && time.Since(o.since) >= grace
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
func (t *slots) comeBack() {
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
func (t *slots) evict(among func(*slot) bool, count map[source]int) bool {
	victim := -1
	for i, o := range t.busy {
		if !o.exempt && among(o) && (victim < 0 || o.stage < t.busy[victim].stage) {
			victim = i
		}
	}
	if victim < 0 {
		return false
	}
	count[t.busy[victim].source]--
	_ = t.busy[victim].conn.Close() // its goroutine sees the error
	t.busy = slices.Delete(t.busy, victim, victim+1)
	return true
}

// dropOldest closes the one that has waited longest, of the silent if there are
// any. It needs t.mu.
func (t *slots) dropOldest() {
	i := slices.IndexFunc(t.waiting, func(s *slot) bool { return s.stage == stageSilent })
	i = max(i, 0)
	t.drop(t.waiting[i])
	t.waiting = slices.Delete(t.waiting, i, i+1)
}

// drop closes one that waits. It needs t.mu.
func (t *slots) drop(s *slot) {
	_ = s.conn.Close()
	close(s.turn)
}

// shed closes half of those that wait, or else of those with a place, to give
// back file descriptors: one at a time would let in a crowd that stands before an
// honest peer one by one.
func (t *slots) shed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scarce = true
	if n := (len(t.waiting) + 1) / 2; n > 0 {
		for range n {
			t.dropOldest()
		}
		return
	}
	count := make(map[source]int) // nobody is counted here
	for range (len(t.busy) + 1) / 2 {
		t.evict(func(*slot) bool { return true }, count)
	}
}

// spare leaves a delivery that is under way its file descriptors, where they
// are known to be few.
func (t *slots) spare() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.scarce {
		return
	}
	for len(t.waiting) > 0 && len(t.waiting)+len(t.busy) > maxSpared {
		t.dropOldest()
	}
	count := make(map[source]int) // nobody is counted here
	for len(t.busy) > maxSpared && t.evict(func(*slot) bool { return true }, count) {
	}
}

func (t *slots) advance(s *slot, to stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.stage, s.since = to, time.Now()
}

// exempt keeps the place of a connection that is proven, or that names a live
// session: that is no proof yet, but none but the two ends know the name.
func (t *slots) exempt(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.exempt = true
	t.share() // its source has one more place
}

// release gives the place back; conn stays as it is.
func (t *slots) release(s *slot) {
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

// closeAll closes every connection without proof.
func (t *slots) closeAll() {
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
		_ = s.conn.Close()
	}
}
