package admission

import (
	"container/list"
	"time"
)

const (
	// firstPenalty is for how long a source is refused after its first wrong answer.
	// Each further one doubles that, up to longestPenalty.
	firstPenalty   = time.Second
	longestPenalty = time.Minute
	// forgiveAfter a source's last wrong answer nothing is known against it any more.
	forgiveAfter = 10 * time.Minute
	// maxSources bounds the sources that are remembered, some 250 bytes each. Beyond it,
	// as when somebody has all the 65536 networks of an IPv6 /48, the source that was
	// wrong the longest ago is forgotten early. A code that needs a total is burnt by
	// then, unless they never answered; for any other a penalty only spares work.
	maxSources = 4096
)

// penalties remembers the sources that were wrong. It has no lock of its own:
// guesses.mu guards it.
type penalties struct {
	known map[Source]*list.Element
	order *list.List // of *guesser, by the last wrong answer, the oldest first
}

func newPenalties() penalties {
	return penalties{known: make(map[Source]*list.Element), order: list.New()}
}

// guesser is a source that was wrong.
type guesser struct {
	source  Source
	wrong   int
	last    time.Time
	guessed bool // it has answered, and not only held others up
}

// penalty is for how long a source is refused after its n-th wrong answer.
func penalty(n int) time.Duration {
	if n > 6 {
		return longestPenalty
	}
	return min(firstPenalty<<(n-1), longestPenalty)
}

// record returns what is known against a source, nil if nothing is.
func (p *penalties) record(from Source) *guesser {
	e := p.known[from]
	if e == nil || time.Since(e.Value.(*guesser).last) >= forgiveAfter {
		return nil
	}
	return e.Value.(*guesser)
}

// blame remembers that a source was wrong.
func (p *penalties) blame(from Source) *guesser {
	e := p.known[from]
	if e == nil {
		if len(p.known) >= maxSources {
			oldest := p.order.Front()
			p.order.Remove(oldest)
			delete(p.known, oldest.Value.(*guesser).source)
		}
		e = p.order.PushBack(&guesser{source: from})
		p.known[from] = e
	}
	r := e.Value.(*guesser)
	if time.Since(r.last) >= forgiveAfter {
		r.wrong = 0
	}
	r.wrong++
	r.last = time.Now()
	p.order.MoveToBack(e)
	return r
}
