package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/link"
)

// board is how far each of several receivers is, for the line that changes.
type board struct {
	mu    sync.Mutex // guards what follows
	rows  map[int]*boardRow
	of    int // 0: as many as come
	meter meter
}

// boardRow is one receiver.
type boardRow struct {
	number int
	host   string

	mu    sync.Mutex // guards what follows
	seen  sight
	over  bool
	whole bool // it has everything
}

// name is what a line about this receiver begins with.
func (r *boardRow) name() string { return fmt.Sprintf("receiver %d (%s)", r.number, r.host) }

// put adds a receiver, and returns whether its number was another's, or its own, before.
func (b *board) put(r *boardRow, args receiversArgs) (again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	again = b.rows[r.number] != nil
	b.rows[r.number] = r
	if args.all {
		b.of = args.most
	}
	return again
}

// whose returns the receiver at the other end of a link; 0 if it has no number yet.
func (b *board) whose(l *link.Link) (number int, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, r := range b.rows {
		if l != nil && r.sight().peer == peer(l) {
			return n, r.name()
		}
	}
	return 0, ""
}

func (b *board) drop(number int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.rows, number)
}

// look returns what is to be shown now; false before the first receiver.
func (b *board) look(now time.Time) (view, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rows) == 0 {
		return view{}, false
	}
	var all sight
	for _, r := range b.rows {
		all.progress.Moved += r.sight().progress.Moved
	}
	b.meter.add(now, all)
	v := view{board: b, now: now}
	v.rate, v.hasRate = b.meter.rate()
	return v, true
}

// line is how far each is in room columns; 0 is as many as it takes. Those that have
// everything are counted. Addresses go before a receiver does.
func (b *board) line(v view, room int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rows []*boardRow
	whole := 0
	for _, r := range b.rows {
		if text, done := r.text(v.now); done {
			whole++
		} else if text != "" {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *boardRow) int { return a.number - b.number })
	head1 := fmt.Sprintf("%d done", whole)
	if b.of > 0 {
		head1 = fmt.Sprintf("%d of %d done", whole, b.of)
	}
	rate := ""
	if v.hasRate {
		rate = ", " + sizeText(int64(v.rate)) + "/s"
	}
	named, short := make([]string, 0, len(rows)), make([]string, 0, len(rows))
	for _, r := range rows {
		text, _ := r.text(v.now)
		named = append(named, fmt.Sprintf("%d (%s) %s", r.number, r.host, text))
		short = append(short, fmt.Sprintf("%d %s", r.number, text))
	}
	text := plain(strings.Join(append([]string{head1}, named...), ", ") + rate)
	for shown := len(short); room > 0 && columns(text) > room; shown-- {
		if shown < 0 {
			return head(text, room)
		}
		text = strings.Join(append([]string{head1}, short[:shown]...), ", ")
		if more := len(short) - shown; more > 0 {
			text += fmt.Sprintf(", and %d more", more)
		}
		text = plain(text + rate)
	}
	return isolate(text)
}

// text is how far one receiver is; done says that it has everything, and "" that it is gone.
func (r *boardRow) text(now time.Time) (text string, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := view{phase: r.seen.phase, progress: r.seen.progress}
	lost := false
	if l, ok := r.seen.peer.(interface {
		Lost() (time.Time, error, bool)
	}); ok {
		_, _, lost = l.Lost()
	}
	switch n := v.percent(); {
	case r.whole:
		return "", true
	case r.over:
		return "", false
	case lost:
		return "lost", false
	case r.seen.phase <= transfer.PhaseOffering:
		return "is asked", false
	case n >= 0:
		return fmt.Sprintf("%d%%", n), false
	}
	return sizeText(v.settled()), false
}

func (r *boardRow) linked(p peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.peer = p
}

func (r *boardRow) sight() sight {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

func (r *boardRow) end(whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over, r.whole = true, whole
}

// Observe keeps what is newest.
func (r *boardRow) Observe(e transfer.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := e.(type) {
	case transfer.PhaseChanged:
		r.seen.phase = e.Phase
	case transfer.Progress:
		r.seen.progress = e
	}
}
