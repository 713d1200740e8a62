package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/reach"
)

const (
	// searchCalm is how long a search is not worth a word, unless something is known of it.
	searchCalm = 3 * time.Second
	// searchPause is the first pause between two lines where none can be redrawn. Each
	// pause is twice as long as the one before.
	searchPause = 10 * time.Second
)

// search is what a side that dials tells while it tries.
type search struct {
	tries func() []reach.Try
	looks func() string // of a search without addresses; nil of one with them
	began time.Time
	wait  time.Duration // 0: one attempt

	// Of the loop of screen: when the next line of its own is due, and how long after it
	// the one after that.
	due, pause time.Duration
}

// known reports whether there is something to say.
func (s *search) known(now time.Time) bool {
	return now.Sub(s.began) >= searchCalm || slices.ContainsFunc(s.tries(), func(t reach.Try) bool { return t.Err != nil })
}

// takesLine reports whether a line of its own is due, and sets when the next one is.
func (s *search) takesLine(now time.Time) bool {
	passed := now.Sub(s.began)
	if passed < max(s.due, searchCalm) {
		return false
	}
	s.pause = max(searchPause, 2*s.pause)
	s.due = passed + s.pause
	return true
}

// line is the state of the search in room columns; 0 is as many as it takes.
func (s *search) line(now time.Time, room int) string {
	passed := now.Sub(s.began)
	clocks := ", " + clock(passed)
	if passed <= s.wait && s.wait > 0 { // the last attempt may end later
		clocks += " of " + clock(s.wait)
	}
	if s.looks != nil {
		return s.looked(clocks, room)
	}
	tries := s.tries()
	full := "trying " + triesText(tries, true)
	first, best := tries[0].Address.Short(), mostTelling(tries)
	if n := len(tries) - 1; n > 0 {
		first += fmt.Sprintf(" and %d more", n)
	}
	short := "trying " + first + ": " + whyNot(best, true)
	for _, text := range []string{full + clocks, short + clocks, short} {
		if text = plain(text); room <= 0 || columns(text) <= room {
			return isolate(text)
		}
	}
	return head(plain(short), room)
}

// looked is line for a search without addresses.
func (s *search) looked(clocks string, room int) string {
	for _, text := range []string{s.looks() + clocks, s.looks()} {
		if text = plain(text); room <= 0 || columns(text) <= room {
			return isolate(text)
		}
	}
	return head(plain(s.looks()), room)
}

// mostTelling is the try whose cause a person can do most about: that of a machine which
// has shown itself, else of one that does not answer. That there is no way to a further
// address, as in IPv6, is common.
func mostTelling(tries []reach.Try) reach.Try {
	best := slices.MaxFunc(tries, func(a, b reach.Try) int { return int(a.Cause) - int(b.Cause) })
	if best.Cause < reach.Refused {
		if i := slices.IndexFunc(tries, func(t reach.Try) bool { return t.Cause == reach.NoAnswer }); i >= 0 {
			return tries[i]
		}
	}
	return best
}

// triesText says what became of each address, and what is the same once. yet is for those
// that may still answer.
func triesText(tries []reach.Try, yet bool) string {
	var hosts, each []string
	same := true
	for _, t := range tries {
		hosts = append(hosts, t.Address.Short())
		each = append(each, t.Address.Short()+" ("+whyNot(t, yet)+")")
		same = same && whyNot(t, yet) == whyNot(tries[0], yet)
	}
	if same {
		return strings.Join(hosts, ", ") + ": " + whyNot(tries[0], yet)
	}
	return strings.Join(each, ", ")
}

// whyNot is why there is no link to an address.
func whyNot(t reach.Try, yet bool) string {
	still := ""
	if yet {
		still = " yet"
	}
	switch t.Cause {
	case reach.NoAnswer:
		return "no answer" + still
	case reach.Refused:
		return "nothing listens there" + still
	case reach.NoName:
		if t.Err == nil {
			return "its name is looked up"
		}
		return nameCause(t.Err)
	case reach.Unreachable:
		return systemCause(t.Err)
	case reach.Silent:
		return "it takes calls and says nothing"
	case reach.HungUp:
		return "it ends the connection at once"
	case reach.NotFerry:
		return "another program listens there"
	case reach.SameRole:
		return "it has the same role"
	case reach.CodeRefused:
		return "it refused the code"
	case reach.NoProxy:
		return proxyText(t.Err)
	}
	return dialCause(t.Err)
}

// waitingText tells of an attempt that failed, where no line can be redrawn.
func waitingText(e link.Event) string {
	var several *reach.Error
	var answered *link.AnsweredError
	if errors.As(e.Err, &several) {
		return "trying " + triesText(several.Tries, true)
	}
	at := e.Addr
	if errors.As(e.Err, &answered) && answered.Addr != nil {
		at = answered.Addr.String()
	}
	if list, err := reach.ParseList(at); err == nil && len(list) == 1 {
		at = list[0].Short()
	}
	return "trying " + at + ": " + whyNot(reach.Try{Cause: reach.CauseOf(e.Err), Err: e.Err}, true)
}

// nameCause is why a name could not be resolved, without the resolver's address.
func nameCause(err error) string {
	var unresolved *net.DNSError
	if !errors.As(err, &unresolved) {
		return dialCause(err)
	}
	if unresolved.IsNotFound {
		return "no machine of that name is known"
	}
	return "its name cannot be looked up now"
}

// systemCause is what the system calls it, without the step.
func systemCause(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return dialCause(err)
}
