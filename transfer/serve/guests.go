package serve

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
)

// claimLimit is how long a place is kept for a key that was proved: the link comes within
// the time that the handshake has left, or never.
const claimLimit = 20 * time.Second

// guests are the keys that are here, by fingerprint, and the visits of each.
type guests struct {
	find func(key []byte, now time.Time) (keys.Grant, error)
	now  func() time.Time
	most int // links at once of a key whose line does not say

	mu      sync.Mutex // guards what follows, and the visits and claims of each guest
	closed  bool       // nobody new comes in
	byPrint map[string]*guest
	visits  map[*visit]bool // all
}

// guest is a key that has links, or is about to. The code is one too.
type guest struct {
	print  string
	visits map[*visit]bool
	claims []time.Time // when a key was admitted whose link has not come yet
}

// claim is what an admitted key comes with: link.Link.Who.
type claim struct {
	grant keys.Grant
	key   []byte
}

func newGuests(find func([]byte, time.Time) (keys.Grant, error), most int) *guests {
	return &guests{find: find, most: most, now: time.Now, byPrint: make(map[string]*guest), visits: make(map[*visit]bool)}
}

// Why the server ends a visit without a goodbye. To its peer the link is lost.
var (
	errClosed = &transfer.Error{Op: "serving", Code: framing.CodeLost, Err: errors.New("the server comes to its end")}
	errAgain  = &transfer.Error{Op: "serving", Code: framing.CodeLost, Err: errors.New("the same client has come again")}
)

// admit says what a key may do, or refuses it: link.Keys.Admit.
func (g *guests) admit(key []byte, from net.Addr) (*claim, *Refusal) {
	now := g.now()
	grant, err := g.find(key, now)
	no := &Refusal{Comment: grant.Comment, Fingerprint: grant.Fingerprint, Err: err}
	if from != nil {
		no.Peer = from.String()
	}
	switch {
	case errors.Is(err, keys.ErrExpired):
		no.Cause = CauseExpired
		return nil, no
	case err != nil:
		no.Cause = CauseKey
		return nil, no
	}
	for {
		lost, err := g.reserve(&grant, now)
		if lost != nil {
			lost.end(errAgain)
			continue
		}
		if err != nil {
			no.Cause, no.Err = CauseBusy, err
			if errors.Is(err, errClosed) {
				no.Cause = CauseDraining
			}
			return nil, no
		}
		return &claim{grant: grant, key: key}, nil
	}
}

// reserve keeps a place for a link of a key. If there is none, but a link that is lost, it
// returns that: it has to give way to a client that may be the same.
func (g *guests) reserve(grant *keys.Grant, now time.Time) (lost *visit, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errClosed
	}
	t := g.guest(grant.Fingerprint)
	left := t.claims[:0]
	for _, at := range t.claims {
		if now.Sub(at) < claimLimit {
			left = append(left, at)
		}
	}
	t.claims = left
	here := 0
	for v := range t.visits {
		if !v.ending() {
			here++
		}
	}
	if most := cmp.Or(grant.MaxLinks, g.most); here+len(t.claims) >= most {
		for v := range t.visits {
			if v.lost() && !v.ending() {
				return v, nil
			}
		}
		return nil, fmt.Errorf("this key has %d links at once at most, and as many are there", most)
	}
	t.claims = append(t.claims, now)
	return nil, nil
}

// guest needs mu.
func (g *guests) guest(print string) *guest {
	t := g.byPrint[print]
	if t == nil {
		t = &guest{print: print, visits: make(map[*visit]bool)}
		g.byPrint[print] = t
	}
	return t
}

// enter takes in a visit, in the place of its claim. It is false when nobody comes in any
// more.
func (g *guests) enter(v *visit) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	t := g.guest(v.grant.Fingerprint)
	if len(t.claims) > 0 {
		t.claims = t.claims[1:]
	}
	t.visits[v], g.visits[v] = true, true
	t.share()
	return true
}

// leave is the end of a visit.
func (g *guests) leave(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.guest(v.grant.Fingerprint)
	delete(t.visits, v)
	delete(g.visits, v)
	t.share()
	if len(t.visits) == 0 && len(t.claims) == 0 {
		delete(g.byPrint, v.grant.Fingerprint)
	}
}

// share divides the rate of a key among its links: that of the newest line holds for each.
// It needs guests.mu.
func (t *guest) share() {
	for v := range t.visits {
		if v.limit == nil {
			continue
		}
		part := v.grant.Rate / int64(len(t.visits))
		if v.grant.Rate > 0 {
			part = max(part, transfer.MinRate)
		}
		_ = v.limit.Set(part) // it is in the range
	}
}

// again returns the visits of the same key that are lost, and whose client is most likely
// the one that comes now: from the same address or, with anywhere, from any.
func (g *guests) again(v *visit, anywhere bool) (lost []*visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for o := range g.guest(v.grant.Fingerprint).visits {
		if o != v && o.lost() && !o.ending() && (anywhere || o.host == v.host) {
			lost = append(lost, o)
		}
	}
	return lost
}

// all returns the visits; with closing nobody new comes in from now on.
func (g *guests) all(closing bool) []*visit {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = g.closed || closing
	all := make([]*visit, 0, len(g.visits))
	for v := range g.visits {
		all = append(all, v)
	}
	return all
}

// count is how many visits there are, and how many of them are lost.
func (g *guests) count() (all, lost int) {
	for _, v := range g.all(false) {
		all++
		if v.lost() {
			lost++
		}
	}
	return all, lost
}

// refusal is the error of admission for the peer.
func refusal(no *Refusal) error {
	switch no.Cause {
	case CauseBusy, CauseDraining:
		return &link.Error{Code: framing.CodeBusy, Op: "handshake", Err: no.Err}
	}
	return no.Err
}
