package main

import (
	"fmt"
	"strings"
	"time"

	"ferry/framing"
	"ferry/transfer"
)

// sight is what a renderer was told of a delivery, by the goroutines of it.
type sight struct {
	phase    transfer.Phase
	progress transfer.Progress
	lost     *outage // nil: the link is up
	breaks   int     // how often the link was lost, joined again or made anew
	peer     peer    // nil: both sides are here, or there is no link yet
	away     absence // of the store at this side
}

// peer is what the link knows of the other side; a *link.Link is one.
type peer interface {
	PeerState() (h framing.Heartbeat, ok bool)
	// Silence is since when nothing came; overdue says that a heartbeat should have.
	Silence() (d time.Duration, overdue bool)
	Received() uint64
}

// view is what is shown of a delivery at one instant.
type view struct {
	verb     string // of the command line
	phase    transfer.Phase
	progress transfer.Progress
	rate     float64 // bytes a second
	hasRate  bool
	left     time.Duration
	hasLeft  bool
	asked    bool    // a person at the other side is
	trouble  trouble // shown instead of the rest
	search   *search // shown instead of all, as of now; nil if nothing is dialled
	board    *board  // shown instead of all, as of now; nil with one receiver
	now      time.Time
}

// label says what is being done, in words that fit this side and a line of width columns.
func (v view) label(width int) string {
	words := func(long, short string) string {
		if width < narrow {
			return short
		}
		return long
	}
	switch {
	case v.verb == hashes, v.verb == compares:
		return v.verb
	case v.asked:
		return words("the other side is asked", "other side is asked")
	case v.checks():
		return words("checking what is there", "checking")
	case v.phase == transfer.PhaseOffering && v.verb == "send":
		return words("waiting for the other side", "waiting")
	case v.phase == transfer.PhaseOffering && v.verb == "receive":
		return words("waiting for the offer", "waiting")
	case v.phase == transfer.PhaseTransfer && v.verb == "receive":
		return "receiving"
	case v.phase == transfer.PhaseTransfer && v.verb == "copy":
		return "copying"
	}
	return v.phase.String()
}

// checks reports whether content that is there already is being compared.
func (v view) checks() bool {
	return v.phase == transfer.PhaseComparing || v.phase <= transfer.PhaseTransfer && v.progress.Kept > 0
}

// moves reports whether content may be under way.
func (v view) moves() bool { return v.phase == transfer.PhaseTransfer && !v.asked }

// settled is the content that need not move any more, in bytes: it has moved, or it is
// there already as far as is known.
func (v view) settled() int64 { return v.progress.Bytes + v.progress.Kept }

// announced is the content known so far in phases that settle none.
func (v view) announced() int64 {
	if v.phase < transfer.PhaseComparing {
		return v.progress.Total - v.progress.Bytes
	}
	return 0
}

// percent is -1 while the total is not known, and where nothing can be done of it yet.
func (v view) percent() int {
	p := v.progress
	if !p.Exact || p.Total <= 0 || v.asked || v.phase < transfer.PhaseComparing {
		return -1
	}
	return max(0, min(int(float64(v.settled())/float64(p.Total)*100), 100))
}

// plainLine is progress as a line of its own.
func plainLine(v view) string {
	if v.search != nil {
		return v.search.line(v.now, 0)
	}
	if v.board != nil {
		return v.board.line(v, 0)
	}
	parts, p := []string{v.label(wide)}, v.progress
	n := v.percent()
	if n >= 0 {
		parts[0] += fmt.Sprintf(" %d%%", n)
	}
	if v.trouble.known() {
		return parts[0] + ", " + tell(v.trouble.whole())
	}
	if n >= 0 {
		parts = append(parts, sizeText(v.settled())+" of "+sizeText(p.Total))
	} else {
		parts = append(parts, sizeText(p.Bytes+v.announced()))
	}
	if v.moves() && v.hasRate {
		parts = append(parts, sizeText(int64(v.rate))+"/s")
	}
	if v.moves() && v.hasLeft {
		parts = append(parts, leftText(v.left)+" left")
	}
	for _, c := range v.count(wide) {
		parts = append(parts, strings.TrimLeft(c, " "))
	}
	if p.Active != "" && v.moves() {
		parts = append(parts, show(p.Active))
	}
	return strings.Join(parts, ", ")
}

// trouble is why nothing moves. The zero trouble is none.
type trouble struct {
	what  []string // the same in fewer and fewer words
	cause string
}

func (t trouble) known() bool { return len(t.what) > 0 }

func (t trouble) whole() string { return t.told(t.what[0]) }

func (t trouble) told(what string) string {
	if t.cause == "" {
		return what
	}
	return what + ": " + plain(t.cause)
}

// fit finds what can be said in room columns behind one of starts: all with the cause, else
// a part of the cause that says something, else none of it.
func (t trouble) fit(starts []string, room int) (start, text string) {
	for _, start := range starts {
		for _, what := range t.what {
			if text := t.told(what); columns(start+text) <= room {
				return start, text
			}
		}
	}
	shortest := t.what[len(t.what)-1] + ": "
	if free := room - columns(starts[0]+shortest); t.cause != "" && free >= minCause {
		return starts[0], shortest + cutMiddle(plain(shorten(t.cause)), free)
	}
	for _, start := range starts {
		for _, what := range t.what {
			if columns(start+what) <= room {
				return start, what
			}
		}
	}
	return "", head(t.what[len(t.what)-1], room)
}
