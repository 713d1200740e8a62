package main

import (
	"time"

	"ferry/transfer"
)

// Waiting for a store is told once it has lasted for waitAfter. waitFresh is how long the news
// of it holds: longer than a store is left alone between two attempts, and than most attempts.
const (
	waitAfter = 2 * time.Second
	waitFresh = 45 * time.Second
)

// absence is a store that does not answer, or asks to slow down. The zero absence is none.
type absence struct {
	since time.Time
	heard time.Time // when it was last told
	cause string
	told  bool              // in a line
	seen  transfer.Progress // what had moved by then
}

// waitsFor notes that the store is waited for since so long. news is true once in each absence,
// when it is worth a line.
func (s *sight) waitsFor(err error, since time.Duration, now time.Time) (news bool) {
	next := absence{since: now.Add(-since), heard: now, cause: tell(err.Error()), seen: moved(s.progress)}
	if s.away.known(now, s.progress) { // of several requests, the one that waits longest counts
		next.told = s.away.told
		if s.away.since.Before(next.since) {
			next.since = s.away.since
		}
	}
	news = !next.told && now.Sub(next.since) >= waitAfter
	next.told = next.told || news
	s.away = next
	return news
}

// known reports whether the store is still waited for, as far as is known: nothing has moved
// since it was told.
func (a absence) known(now time.Time, p transfer.Progress) bool {
	return !a.heard.IsZero() && now.Sub(a.heard) < waitFresh && moved(p) == a.seen
}

// moved is p without what changes while nothing moves.
func moved(p transfer.Progress) transfer.Progress {
	return transfer.Progress{Bytes: p.Bytes, Moved: p.Moved, Done: p.Done}
}

// trouble is what is shown while it is waited for.
func (a absence) trouble(now time.Time) trouble {
	d := clock(now.Sub(a.since))
	return trouble{what: []string{"waiting for the store for " + d, "store away for " + d}, cause: a.cause}
}

// storeWaitText tells people of it, in a line.
func storeWaitText(err error) string {
	return "the store is waited for: " + tell(err.Error())
}

// jsonStoreWait tells programs of it, once in each absence.
type jsonStoreWait struct {
	Type      string `json:"type"` // store_waiting
	ElapsedMS int64  `json:"elapsed_ms"`
	Message   string `json:"message"`
}
