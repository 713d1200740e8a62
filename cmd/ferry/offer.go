package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// proposal is an offer as a person or a program is asked about it.
type proposal struct {
	transfer.Offer
	place string // where it would be put
	free  int64  // bytes that may still be written there; -1 where nobody knows
}

// countTime is how long a question waits for the sender's walk. Most walks are shorter.
const countTime = 300 * time.Millisecond

// waitCount returns how much is offered: all of it, or what was announced within countTime.
func waitCount(ctx context.Context, known transfer.Extent, grown <-chan transfer.Extent) transfer.Extent {
	late := time.NewTimer(countTime)
	defer late.Stop()
	for !known.Whole {
		select {
		case e, more := <-grown:
			if !more {
				return known
			}
			known = e
		case <-late.C:
			return known
		case <-ctx.Done():
			return known
		}
	}
	return known
}

// follow calls show with what is announced beyond what is known, until all of it was or
// ctx ends, and no oftener than once in tick.
func follow(ctx context.Context, known transfer.Extent, grown <-chan transfer.Extent, tick time.Duration, show func(transfer.Extent)) {
	pause := time.NewTicker(tick)
	defer pause.Stop()
	for !known.Whole {
		select {
		case e, more := <-grown:
			if !more {
				return
			}
			if e != known {
				show(e)
			}
			known = e
		case <-ctx.Done():
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// rows show an offer, each in one row of at most room columns. The last of them says how
// much is offered, and alone changes while more is known; last makes it anew. The sender
// may be anybody who knows the code, so no name may look like a row of its own. Names that
// begin with a dot come after the others, apart: people do not see such files later, and
// programs read them.
func (p proposal) rows(room int) (above []string, last func(transfer.Extent) string) {
	peer := p.Peer
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host // the port is a passing one
	}
	if name, ok := p.alone(); ok {
		start := peer + " offers "
		used := columns(start) + columns(": ") + columns(p.amount(p.Extent, room))
		if free := room - used; free >= min(columns(plain(name)), minName) {
			return nil, func(e transfer.Extent) string {
				amount := p.amount(e, room-columns(start)-columns(": ")-1)
				free := max(room-columns(start)-columns(": ")-columns(amount), 1)
				return start + fit(name, free) + ": " + amount
			}
		}
		above = []string{start + fit(name, max(room-columns(start)-1, 1)) + ":"}
	} else {
		above = append([]string{fmt.Sprintf("%s offers %s:", peer, items(p.Items))}, p.list(room)...)
	}
	return above, func(e transfer.Extent) string { return "  " + p.amount(e, room-2) }
}

// alone returns the name of the one item of an offer that has one. A name that hides
// itself, or could be read as a part of the sentence, is none that fits into one.
func (p proposal) alone() (name string, ok bool) {
	if p.Items != 1 || len(p.Listed) != 1 || p.Listed[0].Kind == tree.Root {
		return "", false
	}
	name = p.Listed[0].Name
	if strings.HasPrefix(name, ".") || strings.ContainsAny(name, ":()") {
		return "", false
	}
	if p.Listed[0].Kind == tree.Folder {
		name += "/"
	}
	return name, true
}

// list is the items that the offer names.
func (p proposal) list(room int) (rows []string) {
	var dotted []string
	for _, it := range p.Listed {
		row := offerRow(it, room)
		if strings.HasPrefix(it.Name, ".") {
			dotted = append(dotted, row)
		} else {
			rows = append(rows, row)
		}
	}
	if more := p.Items - int64(len(p.Listed)); more > 0 {
		rows = append(rows, fmt.Sprintf("    and %d more", more))
	}
	if len(dotted) > 0 {
		rows = append(rows, "  and with names that begin with a dot, which hides them:")
	}
	return append(rows, dotted...)
}

// offerRow is one item of an offer.
func offerRow(it transfer.OfferItem, room int) string {
	size := ""
	if it.Kind == tree.File && it.Size >= 0 {
		size = sizeText(it.Size)
	}
	row := fmt.Sprintf("    %-8s %10s  ", kindText(it.Kind), size)
	if room-columns(row) < minName {
		row = "    " + kindText(it.Kind) + "  "
	}
	return row + fit(it.Name, max(room-columns(row), 1))
}

// amount says in at most room columns how much is offered, and what is free where it would
// be put: the longest text that fits, or the shortest there is. Each says if it is more
// than what is free.
func (p proposal) amount(e transfer.Extent, room int) string {
	bytes := max(e.Bytes, p.Bytes)
	long, short := p.space(bytes)
	if len(p.Listed) == 1 && p.Items == 1 {
		switch kind := p.Listed[0].Kind; kind {
		case tree.File, tree.Folder, tree.Root:
		case tree.Stream:
			return longest(room, "a stream of unknown size"+long, "of unknown size")
		default:
			return "a " + kindText(kind)
		}
	}
	all := e.Files + e.Folders + e.Others
	parts, size := kinds(e), sizeText(bytes)
	switch {
	case all == 0 && p.Exact:
		all = p.Items
		parts = []string{items(all)}
	case all == 0 && bytes == 0:
		return longest(room, "not counted yet"+long, "not counted yet")
	}
	if e.Files > 0 || bytes > 0 {
		parts = append(parts, size)
	}
	start, end := "", ""
	if !p.Exact && (!e.Whole || p.unsized()) {
		start, end = "at least ", " so far"
	}
	text := start + strings.Join(parts, ", ")
	brief := start + items(all) + ", " + size
	return longest(room, text+end+long, text+long, brief+long, brief+short, start+size+short)
}

// space says what is free for so many bytes, at length and briefly. Briefly it is said
// only if that is too little.
func (p proposal) space(bytes int64) (long, short string) {
	switch free := sizeText(p.free); {
	case p.known() == nil:
		return "", ""
	case bytes > p.free:
		return " (more than the " + free + " that are free)", " (" + free + " free!)"
	default:
		return " (" + free + " free)", ""
	}
}

// known is what is free, nil where nobody knows.
func (p proposal) known() *int64 {
	if p.free < 0 || p.free == math.MaxInt64 {
		return nil
	}
	return &p.free
}

// unsized reports whether something is offered whose size nobody knows.
func (p proposal) unsized() bool {
	return slices.ContainsFunc(p.Listed, func(it transfer.OfferItem) bool { return it.Kind == tree.Stream })
}

// longest is the first text that fits into room columns, or the last one.
func longest(room int, texts ...string) string {
	for _, text := range texts {
		if columns(text) <= room {
			return text
		}
	}
	return texts[len(texts)-1]
}

// kinds counts items by what they are, as "12 files" and "3 folders".
func kinds(e transfer.Extent) (texts []string) {
	for _, n := range []struct {
		count     int64
		one, many string
	}{{e.Files, "file", "files"}, {e.Folders, "folder", "folders"}, {e.Others, "other", "others"}} {
		switch {
		case n.count == 1:
			texts = append(texts, "1 "+n.one)
		case n.count > 0:
			texts = append(texts, thousands(n.count)+" "+n.many)
		}
	}
	return texts
}

// thousands is a number of things with a comma between each three digits.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
