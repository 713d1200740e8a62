package main

import (
	"errors"
	"slices"
	"sync"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/tree"
)

// tally counts the failed items by what they say about the exit code. It sees
// all of them, where Result lists only the first.
type tally struct {
	mu sync.Mutex
	tallied
}

type tallied struct {
	digest, destination, other int64
	skipped                    int64 // the part of other that the other side's user chose to skip
	vain                       int64 // the part of other that running again cannot mend
	folders                    int64 // that are there
	absent                     int64 // the part of other that is not at the source, or unreadable there
}

func (t *tally) counts() tallied {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tallied
}

// restore forgets what was counted since counts: a delivery that begins anew
// counts anew.
func (t *tally) restore(to tallied) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tallied = to
}

func (t *tally) Observe(e transfer.Event) {
	d, done := e.(transfer.ItemDone)
	f, failed := e.(transfer.ItemFailed)
	if !done && (!failed || f.Err.Consequence()) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if done {
		switch d.Status {
		case transfer.StatusDelivered, transfer.StatusReplaced, transfer.StatusSame, transfer.StatusAdjusted:
			if d.Kind == tree.Folder || d.Kind == tree.Root {
				t.folders++
			}
		}
		return
	}
	if errors.As(f.Err.Err, new(transfer.SkippedError)) {
		t.skipped++
	} else if code := f.Err.Code; code == framing.CodeVanished || code == framing.CodeUnreadable {
		t.absent++
	} else if slices.Contains([]framing.Code{framing.CodeName, framing.CodeLink, framing.CodeOtherKind, framing.CodeUnsupported, framing.CodeConflict}, code) {
		t.vain++
	}
	switch exitOfCode(f.Err.Code) {
	case exitDigest:
		t.digest++
	case exitDestination:
		t.destination++
	default:
		t.other++
	}
}

// incomplete is the exit code of a delivery that ended with failed items. A bad
// digest outweighs everything else; a destination that took nothing at all is
// not a matter of single items. What an earlier run put there counts as taken, so
// that the same state gives the same code in every run. A folder says nothing, made
// now or before.
func (t *tally) incomplete(r transfer.Result) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.digest > 0:
		return exitDigest
	case t.destination > 0 && t.other == 0 && r.Delivered+r.Same-t.folders <= 0:
		return exitDestination
	}
	return exitIncomplete
}

// missingHint is the next step where running again alone brings no more: all that is
// missing was skipped at the other side, or something has to be mended first. It is
// empty otherwise. again is the command as it was given.
func (t *tally) missingHint(again string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch all := t.digest + t.destination + t.other; {
	case all == 0:
		return ""
	case t.skipped == all:
		return "the other side skipped what is missing: its --on-conflict and --links decide that"
	case t.vain+t.absent == all:
		return "once that is mended, run again: " + again
	}
	return ""
}

// inVain reports that running again brings nothing of what is missing.
func (t *tally) inVain() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.vain > 0 && t.vain == t.digest+t.destination+t.other
}
