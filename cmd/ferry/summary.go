package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/store"
)

// outcome is how a delivery ended, ready to be shown to people or programs.
type outcome struct {
	result   transfer.Result
	began    bool // a delivery ran, so that its counts mean something
	toStream bool // delivered to standard output
	local    bool // both sides were here
	text     bool // what was delivered is a message
	taken    bool // which this side showed or wrote, and did not store
	unsynced bool // this side gave up durability
	losses   int  // see lossesAfter
	manifest string
	unlisted int64  // files that the list leaves out
	listed   string // the same for people
	err      error
	exit     int
	hint     string
	kept     string         // what is there of a delivery that was interrupted
	kinds    string         // what was delivered, counted by kinds; "" if that is not known
	path     string         // the way of the link at the end; "" without one
	place    string         // "in" or "as" where it is at this side, for people; "" at the sender
	unmet    []*filter.Rule // rules of the command line that decided about no item
	crowd    *crowdCount    // of several receivers; nil with one
}

// shown shows the outcome, and is the error that the command ends with.
func (o outcome) shown(r renderer) error {
	err := r.finish(o)
	switch {
	case o.exit == exitOK && err != nil:
		return outputError(err)
	case o.exit == exitOK:
		return nil
	}
	return &exitError{exit: o.exit, err: o.err, done: err == nil}
}

// lines is the outcome for people; with quiet only the failure.
func (o outcome) lines(quiet bool) []string {
	var lines []string
	r := o.result
	if o.crowd != nil && o.err == nil && !quiet {
		text := o.crowd.text()
		if whole := o.wholeText(); o.caveat() == whole {
			text += "; " + whole
		}
		return append(lines, text)
	}
	if o.text && o.err == nil {
		if !quiet {
			lines = append(lines, o.textLine())
		}
		return lines
	}
	if settled := r.Delivered + r.Same + r.Skipped + r.Deleted + r.Failed; o.began && !quiet && (o.err == nil || settled > 0) && o.crowd == nil {
		lines = append(lines, o.counts())
		for _, l := range r.Lost {
			lines = append(lines, lossText(l, o.inStore()))
		}
		if s := stayedText(r); s != "" {
			lines = append(lines, s)
		}
		if o.listed != "" {
			lines = append(lines, o.listed)
		}
		for _, rule := range o.unmet {
			lines = append(lines, "a rule without effect: "+tell(rule.String())+": nothing that it matches was met, or a later rule decided")
		}
		if s := o.caveat(); s != "" && (o.err == nil || r.DryRun) {
			lines = append(lines, s)
		}
	}
	if o.err == nil {
		return lines
	}
	what := errorText(o.err)
	if o.kept != "" {
		// "interrupted at 35 %" reads on.
		what += map[bool]string{true: " ", false: "; "}[errors.As(o.err, new(signalError)) && strings.HasPrefix(o.kept, "at ")] + o.kept
	}
	lines = append(lines, "ferry: "+what)
	if o.hint != "" {
		lines = append(lines, strings.Split("ferry: "+o.hint, "\n")...)
	}
	return lines
}

// inStore reports whether items land in an object store, here or at the other side. A dry run
// hears only of a place that is named here.
func (o outcome) inStore() bool {
	_, place, _ := strings.Cut(o.place, " ")
	return o.result.Store != "" || store.Is(place)
}

// alone puts the command that a hint ends in on a line of its own.
func alone(hint, command string) string {
	if text, ok := strings.CutSuffix(hint, ": "+command); ok && command != "" {
		return text + ":\n    " + command
	}
	return hint
}

// oneLine is a hint for programs.
func oneLine(hint string) string {
	return strings.ReplaceAll(strings.ReplaceAll(hint, "\n    ", " "), "\n", " ")
}

// rows is lines, broken for a screen of that width; 0 is no screen. Commands, which people
// copy, are not broken: they are the end of a hint, or stand on a line of their own.
func (o outcome) rows(quiet bool, width int) []string {
	rows := o.lines(quiet)
	for i, line := range rows {
		if o.err != nil && o.hint != "" && (i == len(rows)-1 || strings.HasPrefix(line, "    ")) {
			rows[i] = plain(line)
		} else {
			rows[i] = fold(line, width)
		}
	}
	return rows
}

// counts is one line about what became of the items.
func (o outcome) counts() string {
	r := o.result
	if r.DryRun {
		return wouldCounts(r)
	}
	head := items(r.Delivered) + " delivered" + newAndReplaced(r)
	if o.kinds != "" {
		head = o.kinds + newAndReplaced(r) + " delivered"
		if o.place != "" {
			head = strings.TrimSuffix(head, " delivered") + " " + o.place
		}
	}
	parts := []string{head}
	for _, n := range []struct {
		count int64
		what  string
	}{{r.Same - r.Adjusted, "unchanged"}, {r.Adjusted, "with new metadata"}, {r.Skipped, "skipped"}, {r.Excluded, "excluded"}, {r.Deleted, "deleted"}, {r.Backups, "kept as backups"}, {r.Removed, "removed here"}, {r.Failed, "failed"}} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	if r.Escaped > 0 {
		parts = append(parts, escapedCount(r.Escaped))
	}
	line := strings.Join(parts, ", ") + "; " + sizeText(r.Bytes) + notMoved(r) + " in " + elapsed(r.Elapsed)
	// Less time tells how long it took to begin and to end.
	if s := r.Elapsed.Seconds(); r.Moved > 0 && r.Delivered > 0 && s >= leastRated {
		line += fmt.Sprintf(", %s/s", sizeText(int64(float64(r.Moved)/s)))
	}
	if o.local || tellsNothing(r) {
		return line
	}
	return line + ", " + sizeText(r.Wire) + " over the network"
}

// tellsNothing reports that as much crossed the network as was moved, give or take what
// every delivery needs beside: then the number is left out, and the line fits a screen.
func tellsNothing(r transfer.Result) bool {
	return r.Wire >= r.Moved-r.Moved/20 && r.Wire <= r.Moved+r.Moved/20+64<<10
}

// leastRated is the shortest time, in seconds, whose rate is told.
const leastRated = 0.2

// notMoved is how the delivered content differs from what the rate counts: bytes that
// were there before, holes, and more that was moved, twice or for items that failed.
func notMoved(r transfer.Result) string {
	var parts []string
	if r.Reused > 0 && r.Reused <= r.Bytes {
		parts = append(parts, sizeText(r.Reused)+" there before")
	}
	// More than was delivered means: most of it is in files that only got new metadata.
	beside := min(r.Reused, r.Bytes)
	if holes := r.Bytes - beside - r.Moved; holes > 0 {
		parts = append(parts, sizeText(holes)+" in holes")
	} else if holes < 0 && (beside == r.Reused || r.Moved > r.Bytes) {
		parts = append(parts, sizeText(r.Moved)+" moved")
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// newAndReplaced tells the two apart where there are both.
func newAndReplaced(r transfer.Result) string {
	switch r.Replaced {
	case 0:
		return ""
	case r.Delivered:
		return " (all replaced)"
	}
	return fmt.Sprintf(" (%d new, %d replaced)", r.Delivered-r.Replaced, r.Replaced)
}

// verifiedText begins what is said of a success.
const verifiedText = "what was delivered is verified"

// wholeText says that all of the promise holds.
func (o outcome) wholeText() string { return verifiedText + " and " + o.safeText() }

// safeText says who answers for what is durable.
func (o outcome) safeText() string {
	switch {
	case o.crowd != nil && o.crowd.mixed:
		return "on stable storage, or in a store"
	case o.result.Store != "":
		return "stored: acknowledged by the store " + show(o.result.Store)
	}
	return "on stable storage"
}

// caveat says after a success which part of the promise holds.
func (o outcome) caveat() string {
	verified, safe := verifiedText, o.safeText()
	skipped := ""
	if n := o.result.Skipped; n > 0 {
		skipped = "; what was skipped (" + items(n) + ") is not there"
	}
	switch {
	case o.result.DryRun:
		return "a dry run: nothing was changed"
	case o.toStream:
		return verified + "; what became of it behind standard output is not known" + skipped
	case o.result.Unsynced != nil:
		return verified + ", but " + tell(o.result.Unsynced.Error()) + "; a power cut may lose it" + skipped
	case !o.result.Durable && !o.unsynced && !o.local:
		return verified + ", but the other side wrote it to a pipe, or was told not to sync it: a power cut there may lose it" + skipped
	case !o.result.Durable:
		return verified + ", but not synced to stable storage: a power cut may lose it" + skipped
	case !o.result.Acknowledged:
		return verified + " and " + safe + "; the sender was not seen to have heard of it" + skipped
	case o.result.Delivered == 0 && o.result.Same == 0 && skipped != "":
		return "nothing was delivered" + skipped
	case o.result.Delivered == 0 && skipped != "":
		return "what is unchanged is " + safe + skipped
	case o.result.Delivered == 0:
		return "everything is " + safe
	}
	return o.wholeText() + skipped
}

// object is the outcome for programs: the last line of --json.
func (o outcome) object() jsonResult {
	r := o.result
	j := jsonResult{
		Type: "result", OK: o.exit == exitOK, Exit: o.exit,
		DryRun: r.DryRun, Delivered: r.Delivered, Replaced: r.Replaced, Deleted: r.Deleted, Backups: r.Backups, Escaped: r.Escaped, Removed: r.Removed, Stayed: r.Stayed, Same: r.Same, Adjusted: r.Adjusted, Skipped: r.Skipped, Excluded: r.Excluded, Failed: r.Failed,
		Files: r.Files, Bytes: r.Bytes, Moved: r.Moved, Wire: r.Wire, Resent: r.Resent, Streams: r.Streams, Reused: r.Reused,
		Durable: r.Durable, Acknowledged: r.Acknowledged, ElapsedMS: r.Elapsed.Milliseconds(), Path: plain(o.path),
		Manifest: o.manifest, Unlisted: o.unlisted, Losses: o.losses,
	}
	switch {
	case !r.Durable, o.crowd != nil && o.crowd.mixed:
	case r.Store != "":
		j.DurableBy, j.Store = "store", plain(r.Store)
	default:
		j.DurableBy = "disk"
	}
	if o.crowd != nil {
		j.Receivers = &jsonReceivers{o.crowd.receipts, o.crowd.of}
	}
	if r.Unsynced != nil {
		j.Unsynced = tell(r.Unsynced.Error())
	}
	for _, rule := range o.unmet {
		j.Unmet = append(j.Unmet, tell(rule.String()))
	}
	for _, l := range r.Lost {
		j.Lost = append(j.Lost, jsonLoss{l.What.String(), l.Items, l.Code.String()})
	}
	if o.err != nil {
		j.Error = &jsonError{Code: o.word(), Message: errorText(o.err), Hint: plain(oneLine(o.hint))}
	}
	return j
}

func items(n int64) string {
	if n == 1 {
		return "1 item"
	}
	return fmt.Sprintf("%d items", n)
}

// elapsed shows a duration with three digits at most; more would not be reliable.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return clock(d)
}
