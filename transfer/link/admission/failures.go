package admission

import (
	"sync"
	"time"

	"ferry/framing"
)

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
