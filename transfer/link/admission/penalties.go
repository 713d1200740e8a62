package admission

import (
	"container/list"
	"sync"
	"time"

	"ferry/framing"
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

// penalties remembers the sources that were wrong. It belongs to the lock of
// whoever has it.
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

// forgive forgets a source.
func (p *penalties) forgive(from Source) {
	if e := p.known[from]; e != nil {
		p.order.Remove(e)
		delete(p.known, from)
	}
}

// freeFailures of a source have no penalty: who has several keys shows one after another,
// and several people may come from one address.
const freeFailures = 12

// Failures paces the proofs of keys. Nobody guesses a key, so any number may fail: what is
// spared is the work. A source that has failed more than freeFailures times is refused for a
// while, as after a wrong answer to a code; a proof that is right forgives it. The zero value
// is ready. Any goroutine may call it.
type Failures struct {
	mu     sync.Mutex // guards what follows
	blamed penalties  // made by the first failure
}

// Refused returns why a source may not prove a key now, nil if it may.
func (f *Failures) Refused(from Source) *Refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.blamed.record(from)
	if r == nil || r.wrong <= freeFailures || time.Since(r.last) >= penalty(r.wrong-freeFailures) {
		return nil
	}
	return &Refusal{framing.CodeBusy, errPenalty}
}

// Failed counts a proof that was wrong, or a key that nobody knows.
func (f *Failures) Failed(from Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blamed.known == nil {
		f.blamed = newPenalties()
	}
	f.blamed.blame(from)
}

// Proved forgives a source.
func (f *Failures) Proved(from Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blamed.forgive(from)
}
