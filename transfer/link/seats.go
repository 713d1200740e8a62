package link

import (
	"crypto/subtle"
	"time"

	"ferry/transfer/link/admission"
)

// seats are the proven links of a listener, and the places for more. They belong to the
// listener's lock.
//
// A peer with the right code gets a place of its own while there is one. When there is none
// it takes that of a lost link: a process that was started again, most likely. HELLO has
// nothing that tells such a peer from another, so of several lost links the one whose peer
// came from the same source goes first, and then the one that was lost first. What it took
// the place of by mistake begins anew with the code, as after any lost session. A peer with a
// key takes the place of a lost link of the same key alone, and one with the code that of a
// link by the code: those are the same people.
type seats struct {
	limit int
	taken []*seat
	fresh int     // places of peers whose proof was right and whose link is being made
	ready []*Link // what Accept has not returned, the oldest first
}

// seat is the place of one link.
type seat struct {
	link *Link
	claim
	promised bool // to a peer whose proof was right
}

// claim is who wants a place: a peer with that key, or with the code if there is none.
type claim struct {
	from admission.Source
	key  string
}

// full tells whether no peer with that claim can get a place now.
func (s *seats) full(by claim) bool {
	s.sweep()
	return len(s.taken)+s.fresh >= s.limit && s.lost(by) == nil
}

// crowded tells whether no peer can get a place now, whoever it is.
func (s *seats) crowded() bool {
	s.sweep()
	if len(s.taken)+s.fresh < s.limit {
		return false
	}
	for _, o := range s.taken {
		if !o.promised && !o.link.conns.inUse() {
			return false
		}
	}
	return true
}

// reserve keeps a place for a peer with that claim, which proved itself: that of a lost link,
// or a new one if it returns nil. It is false when there is none.
func (s *seats) reserve(by claim) (instead *seat, ok bool) {
	s.sweep()
	if len(s.taken)+s.fresh < s.limit {
		s.fresh++
		return nil, true
	}
	if instead = s.lost(by); instead == nil {
		return nil, false
	}
	instead.promised = true
	return instead, true
}

// cancel gives back what reserve kept.
func (s *seats) cancel(instead *seat) {
	if instead == nil {
		s.fresh--
		return
	}
	instead.promised = false
}

// fill gives link the place that reserve kept for it, and returns the link that had it, nil
// if none had. over are links that are over and that nobody had; they are to be closed.
func (s *seats) fill(instead *seat, link *Link, by claim) (before *Link, over []*Link) {
	if instead == nil {
		s.fresh--
		instead = &seat{}
		s.taken = append(s.taken, instead)
	}
	before = instead.link
	*instead = seat{link: link, claim: by}
	waiting := s.ready
	s.ready = nil
	for _, l := range waiting {
		if l == before || isOver(l) {
			over = append(over, l)
		} else {
			s.ready = append(s.ready, l)
		}
	}
	s.ready = append(s.ready, link)
	return before, over
}

// lost returns the place of a lost link that a peer with that claim may have.
func (s *seats) lost(by claim) (best *seat) {
	var since time.Time
	for _, o := range s.taken {
		if o.promised || o.key != by.key || o.link.conns.inUse() {
			continue
		}
		when, _, _ := o.link.Lost() // zero if it has just ended
		better := best == nil || when.Before(since)
		if best != nil && (o.from == by.from) != (best.from == by.from) {
			better = o.from == by.from
		}
		if better {
			best, since = o, when
		}
	}
	return best
}

// sweep frees the places of links that are over.
func (s *seats) sweep() {
	left := s.taken[:0]
	for _, o := range s.taken {
		if o.promised || !isOver(o.link) {
			left = append(left, o)
		}
	}
	clear(s.taken[len(left):])
	s.taken = left
}

// find returns the link of a session, nil if there is none. How long it takes says nothing
// of the names of the others.
func (s *seats) find(id [16]byte) (link *Link) {
	for _, o := range s.taken {
		if subtle.ConstantTimeCompare(id[:], o.link.session.id[:]) == 1 {
			link = o.link
		}
	}
	return link
}

// serving tells whether a link has its connections.
func (s *seats) serving() bool {
	for _, o := range s.taken {
		if _, _, lost := o.link.Lost(); !lost && !isOver(o.link) {
			return true
		}
	}
	return false
}

// next returns a link that Accept has not returned, nil if there is none.
func (s *seats) next() *Link {
	if len(s.ready) == 0 {
		return nil
	}
	l := s.ready[0]
	s.ready = s.ready[1:]
	return l
}
