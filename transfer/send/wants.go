package send

import (
	"context"
	"sync/atomic"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
)

// want asks for content of an entry. Kind says which fields count.
type want struct {
	entry   *entry
	attempt uint8 // number
	kind    wantKind
	first   uint64 // chunk; of a page and of some chunks
	count   uint64 // likewise
	page    *page  // of a page
	hold    bool   // of a page: what differs is not sent by itself
	kept    int64  // bytes of a page that the receiver says it has, and that are not checked
}

type wantKind uint8

// The first five kinds are the receiver's, and are counted. The others are this side's, for
// content that the receiver asked for before.
const (
	wantAll    wantKind = iota + 1 // all of the content
	wantPage                       // what of some chunks the receiver lacks
	wantCheck                      // nothing but its digest
	wantAgain                      // some chunks once more
	wantPatch                      // some chunks, as copies of what the receiver has where that can be
	wantDiffer                     // a chunk of a page that is not what the receiver holds
	wantChange                     // a small file that is not what was announced: another attempt
)

// own tells whether a want is this side's.
func (k wantKind) own() bool { return k >= wantDiffer }

// page is the part of a WANT page that must be kept: which chunks the receiver
// holds, and their chaining values. At most 128 KiB.
type page struct {
	bitmap []byte
	cvs    []byte // 32 bytes a set bit
}

func (p *page) has(i uint64) bool { return p.bitmap[i/8]&(1<<(i%8)) != 0 }

// held is how many bytes of a page the receiver says it has of a file of size bytes.
func (w *want) held(size int64) (n int64) {
	for i := range w.count {
		if w.page.has(i) {
			n += int64(checksum.ChunkLen(size, w.first+i))
		}
	}
	return n
}

// wants is what the receiver asked for and feed has not begun with. Control adds to it and
// must not wait. So wants are counted, and a receiver that asks for too many breaks the
// rules of the protocol.
type wants struct {
	track  *progress.Tracker
	queue  *flow.Queue[want]
	queued atomic.Int64 // the receiver's in queue
	pages  atomic.Int64 // pages that came and are not answered
}

func newWants(t *progress.Tracker) *wants {
	return &wants{track: t, queue: flow.NewQueue[want]()}
}

// put takes what the receiver asks of e.
func (q *wants) put(e *entry, m *framing.Want) error {
	if q.queued.Add(1) > maxWants {
		return failure.Violation("more WANTs than entries")
	}
	w := want{entry: e, attempt: m.Attempt, first: m.First, count: m.Count}
	switch {
	case m.Kind == framing.WantAll:
		w.kind = wantAll
	case m.Kind.Paged():
		// Pages of attempts that are over count here for a while longer than there.
		if q.pages.Add(1) > 2*flow.PagesWindow {
			return failure.Violation("more than %d WANT pages under way", 2*flow.PagesWindow)
		}
		w.kind, w.hold = wantPage, m.Kind == framing.WantHold
		w.page = &page{bitmap: append([]byte(nil), m.Bitmap...), cvs: append([]byte(nil), m.CVs...)}
		w.kept = w.held(e.item.Size)
		q.track.Kept(w.kept)
	case m.Kind == framing.WantCheck:
		w.kind = wantCheck
	case m.Kind == framing.WantAgain:
		w.kind = wantAgain
	case m.Kind == framing.WantPatch:
		w.kind = wantPatch
	}
	q.queue.Put(w)
	return nil
}

// add adds a want of this side's own.
func (q *wants) add(w want) { q.queue.Put(w) }

// try takes the next want if there is one. over says that none will come.
func (q *wants) try() (w want, ok, over bool) {
	w, ok, over = q.queue.Try()
	q.taken(w, ok)
	return w, ok, over
}

// woken tells that try may find one.
func (q *wants) woken() <-chan struct{} { return q.queue.Woken() }

// take waits for the next want; ok is false when none will come.
func (q *wants) take(ctx context.Context) (w want, ok bool, err error) {
	w, ok, err = q.queue.Take(ctx)
	q.taken(w, ok)
	return w, ok, err
}

func (q *wants) taken(w want, ok bool) {
	if ok && !w.kind.own() {
		q.queued.Add(-1)
	}
}

// answered notes that nothing more is done for a want.
func (q *wants) answered(w want) {
	if w.kind == wantPage {
		q.pages.Add(-1)
		q.track.Kept(-w.kept)
	}
}

// close has no more wants come.
func (q *wants) close() { q.queue.Close() }
