package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/send"
	"ferry/transfer/store"
	"ferry/transfer/tree"
)

// tally counts the failed items by what they say about the exit code. It sees
// all of them, where Result lists only the first.
type tally struct {
	mu sync.Mutex
	tallied
}

type tallied struct {
	digest, destination, other int64                 // failed items, by exit code
	skipped                    int64                 // those of other that the user of the other side skipped
	vain                       int64                 // those of other that fail again in every run
	names                      int64                 // those of vain whose names the destination refuses
	absent                     int64                 // those of other that are missing or unreadable at the source
	folders                    int64                 // folders that are at the destination
	kinds                      [len(kindWords)]int64 // what was delivered, as in kindWords
	progress                   transfer.Progress
	top                        string // the one item that all lie in; "" before the first
	apart                      bool   // there are several of them
	inside                     bool   // top is a folder
	spoiled                    bool   // a store gave back what it was not given
}

// inStore is where a delivery to a store leaves what it has.
const inStore = " in the store"

// kindWords are the kinds that people tell apart, one of each and more.
var kindWords = [...][2]string{{"file", "files"}, {"folder", "folders"}, {"link", "links"}, {"special item", "special items"}}

// kindOf is the place of a kind in kindWords.
func kindOf(k tree.Kind) int {
	switch k {
	case tree.File, tree.HardLink, tree.Stream:
		return 0
	case tree.Folder, tree.Root:
		return 1
	case tree.Symlink:
		return 2
	}
	return 3
}

// kindsText counts what was delivered by kinds, or just items where that is not known.
func (t *tally) kindsText(r transfer.Result) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	all := int64(0)
	for i, n := range t.kinds {
		if all += n; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kindWords[i][min(1, n-1)]))
		}
	}
	if all == 0 || all != r.Delivered {
		return ""
	}
	return strings.Join(parts, ", ")
}

// landed is where the items lie: place, or the one folder in it that holds them all.
func (t *tally) landed(place string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if whole, err := filepath.Abs(place); err == nil && !store.Is(place) {
		place = whole
	}
	if t.top != "" && !t.apart && t.inside {
		place = inPlace(place, t.top)
	}
	return place
}

// blamesStore reports whether the digests that differ are those of items in a store.
func (t *tally) blamesStore() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spoiled
}

// kept tells how much of an interrupted delivery is where, "" if that is nothing. A store has
// files that are whole, and parts of large ones: what of small ones was on its way is not there.
func (t *tally) kept(where string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.progress
	if p.Bytes <= 0 || p.Total < p.Bytes {
		return ""
	}
	at := ""
	if p.Exact {
		at = fmt.Sprintf("at %d %%, ", 100*p.Bytes/p.Total)
	}
	if where == inStore {
		return at + "whole files and the parts of large ones that are there are kept" + where
	}
	return at + sizeText(p.Bytes) + " are kept" + where
}

// done notes an item that is settled. The caller holds mu.
func (t *tally) done(d transfer.ItemDone) {
	switch d.Status {
	case transfer.StatusDelivered, transfer.StatusReplaced, transfer.StatusRenamed:
		t.kinds[kindOf(d.Kind)]++
	}
	if d.Status == transfer.StatusSkipped {
		return
	}
	top, _, below := strings.Cut(d.At, "/")
	t.apart = t.apart || t.top != "" && t.top != top || d.Kind == tree.Root
	t.top, t.inside = top, t.inside || below || d.Kind == tree.Folder
}

func (t *tally) counts() tallied {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tallied
}

// restore sets the counts back to those of an earlier call of counts: a delivery that
// is run again counts its items again.
func (t *tally) restore(to tallied) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tallied = to
}

func (t *tally) Observe(e transfer.Event) {
	if p, ok := e.(transfer.Progress); ok {
		t.mu.Lock()
		t.progress = p
		t.mu.Unlock()
		return
	}
	d, done := e.(transfer.ItemDone)
	f, failed := e.(transfer.ItemFailed)
	if !done && (!failed || f.Err.Consequence()) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if done {
		t.done(d)
		switch d.Status {
		case transfer.StatusDelivered, transfer.StatusReplaced, transfer.StatusSame, transfer.StatusAdjusted:
			if d.Kind == tree.Folder || d.Kind == tree.Root {
				t.folders++
			}
		}
		return
	}
	t.spoiled = t.spoiled || errors.Is(f.Err.Err, send.ErrSpoiled)
	if errors.As(f.Err.Err, new(transfer.SkippedError)) {
		t.skipped++
	} else if code := f.Err.Code; code == framing.CodeVanished || code == framing.CodeUnreadable {
		t.absent++
	} else if slices.Contains([]framing.Code{framing.CodeName, framing.CodeLink, framing.CodeOtherKind, framing.CodeUnsupported, framing.CodeConflict}, code) {
		t.vain++
		if code == framing.CodeName {
			t.names++
		}
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

// incomplete is the exit code of a delivery in which items failed. A wrong digest
// outweighs everything else. If the destination took not one item, the destination is
// at fault. Items that an earlier run delivered count as taken, so that the same state
// gives the same code in every run; folders do not count.
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

// missingHint is the next step if running the command again is not enough: the other
// side skipped all that is missing, or something has to be mended first. It is empty
// otherwise. again is the command as it was given.
func (t *tally) missingHint(again string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch all := t.digest + t.destination + t.other; {
	case all == 0:
		return ""
	case t.skipped == all:
		return "the other side skipped what is missing: its --on-conflict, --update and --links decide that"
	case t.vain+t.absent == all:
		return "once that is mended, run again: " + again
	}
	return ""
}

// namesHint is the next step if all that is missing has a name that is refused; else empty.
// Here says that this side has the flag.
func (t *tally) namesHint(here bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == 0 || t.names < t.digest+t.destination+t.other {
		return ""
	}
	whose := ""
	if !here {
		whose = "the receiver's "
	}
	return whose + "--" + namesFlag + " escape stores such items under names that can be there"
}

// inVain reports that running again would deliver none of the missing items.
func (t *tally) inVain() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.vain > 0 && t.vain == t.digest+t.destination+t.other
}
