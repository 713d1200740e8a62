package receive

import (
	"cmp"
	"slices"
	"time"

	"ferry/framing"
)

// askAhead bounds the chunks of a file that differ from the old one, were asked for and are
// not here: as many records of WANT at most, and enough to keep a path busy.
const askAhead = 128

// maxRuns bounds the runs of such chunks of one file, beside those of pages under way: 256 KiB.
// The sender says which they are, and of how long a file.
const maxRuns = 1 << 14

// lacks is what of an attempt differs from the file that it will replace, and is asked for
// only when it is known how. Package delta tells of the whole. Guarded by ledger.mu.
//
//	          a chunk differs         it came, on a slow link          many differ             it is listed
//	unjudged ────────────────► probing ──────────────────────► weighing ────────────► listing ─────────────► patching
//	   │                          │                                │                     │
//	   └─ the link is known ──────┴───────── on a fast one ────────┴─ few differ ────────┴─ it cannot be ───► whole
type lacks struct {
	mode  lackMode
	size  int64                       // of the old file
	count uint64                      // of chunks that differ, so far
	open  int                         // pages that are held and not answered
	all   bool                        // every page was stated
	runs  []span                      // not asked for yet, as answers came; in the order of the file once the link is measured
	out   map[uint64]framing.WantKind // asked for, and by what; askAhead at most
	probe probe                       // of mode probing
	// awaits is set until the first page is answered, of which others may be ahead. A chunk
	// that differs there is one that was written anew more often than one that was moved, and
	// the one that measures the link comes whole.
	awaits bool
	reach  int64         // bytes of the old file that are listed; of mode patching
	ready  chan struct{} // closed when the list is made, or cannot be; nil before mode listing
}

type lackMode uint8

const (
	unjudged lackMode = iota
	probing           // some chunks measure the link
	weighing          // more chunks may differ
	listing           // the old file is cut and listed
	patching          // chunks are asked for that may come as copies
	whole             // chunks are asked for as they are
)

// span is chunks that follow each other.
type span struct{ first, count uint64 }

// add notes a chunk that differs.
func (k *lacks) add(index uint64) {
	k.count++
	if last := len(k.runs) - 1; last >= 0 && k.runs[last].first+k.runs[last].count == index {
		k.runs[last].count++
		return
	}
	k.runs = append(k.runs, span{index, 1})
}

// take takes up to n chunks that follow each other, to be asked for as kind.
func (k *lacks) take(n uint64, kind framing.WantKind) span {
	first := &k.runs[0]
	r := span{first.first, min(first.count, n)}
	if first.first, first.count = first.first+r.count, first.count-r.count; first.count == 0 {
		k.runs = k.runs[1:]
	}
	for i := range r.count {
		k.out[r.first+i] = kind
	}
	return r
}

// came notes a chunk that is here. It reports whether more is to be asked for, or the link can
// be judged. heard is what came on the link.
func (k *lacks) came(index, heard uint64) bool {
	if k == nil {
		return false
	}
	delete(k.out, index)
	if k.mode == probing && len(k.out) == 0 && k.probe.ended.IsZero() {
		k.probe.ended, k.probe.closed = time.Now(), heard
		return true
	}
	return len(k.runs) > 0 && len(k.out) <= askAhead/2
}

// step is what is done next about chunks that differ.
type step struct {
	span // to be asked for; none if its count is 0
	kind framing.WantKind
	list bool // the old file is to be listed
}

// measure begins a probe of up to n chunks, the first of the file that differ. Heard is what
// came on the link so far.
func (k *lacks) measure(n uint64, heard uint64) step {
	slices.SortFunc(k.runs, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	s := step{span: k.take(n, framing.WantAgain), kind: framing.WantAgain}
	k.mode, k.probe = probing, probe{chunks: n, number: k.probe.number + 1, began: time.Now(), heard: heard}
	return s
}

// next is the next step; ok is false if there is none now. Heard is what came on the link.
func (k *lacks) next(p *pace, heard uint64) (s step, ok bool) {
	judged, slow := p.known()
	if len(k.runs) == 0 {
		return s, false
	}
	if k.mode == probing {
		if k.probe.ended.IsZero() {
			return s, false
		}
		took, came := k.probe.ended.Sub(k.probe.began), k.probe.closed-k.probe.heard
		if !judged && took < probeFast && k.probe.more() {
			if came < probeLeast && k.probe.number < probeSmall {
				return k.measure(1, heard), true
			}
			return k.measure(probeMore, heard), true
		}
		p.judge(came, took)
		judged, slow = p.known()
		k.mode = unjudged
	}
	switch {
	case k.mode == unjudged && !judged && k.awaits && !(k.all && k.open == 0):
		return s, false
	case k.mode == unjudged && !judged:
		return k.measure(1, heard), true
	case k.mode == unjudged && !slow:
		k.mode = whole
	case k.mode == unjudged, k.mode == weighing:
		k.mode = weighing
		switch worth := p.worth(k.size); {
		case k.count > worth:
			k.mode, k.ready = listing, make(chan struct{})
			return step{list: true}, true
		case k.all && k.open == 0:
			k.mode = whole
		}
	}
	switch room := askAhead - len(k.out); {
	case room <= 0:
		return s, false
	case k.mode == whole:
		s.kind = framing.WantAgain
	case k.mode == patching:
		s.kind = framing.WantPatch
	default:
		return s, false
	}
	s.span = k.take(uint64(askAhead-len(k.out)), s.kind)
	return s, true
}
