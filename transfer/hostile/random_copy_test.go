package hostile

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
)

// What the random peers do where a copy between two machines allows it: REQUEST, ASK,
// LISTING and REMARK.

// copyCaps is what both ends of such a copy offer.
const copyCaps = framing.CapRequest | framing.CapMirror | framing.CapRemarks | framing.CapNames

// questions are those that came and have no answer yet.
type questions struct {
	mu   sync.Mutex
	asks []framing.Ask
}

// hear notes the question in a frame.
func (q *questions) hear(body []byte) {
	m, err := framing.ParseAsk(body)
	if err != nil {
		return
	}
	m.Path, m.Item = bytes.Clone(m.Path), bytes.Clone(m.Item)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asks = append(q.asks, m)
}

// next takes one off.
func (q *questions) next() (m framing.Ask, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.asks) == 0 {
		return m, false
	}
	m, q.asks = q.asks[0], q.asks[1:]
	return m, true
}

// requested is what a receiver asks for that takes whatever a random sender announces.
func requested() (paths []string) {
	for range framing.MaxListed {
		paths = append(paths, "x/")
	}
	for _, n := range []string{"a", "b", "c", "d", "A", "é", "\xff", "-rf\n\x1b[2J"} {
		for i := range 200 {
			paths = append(paths, fmt.Sprint(n, i))
		}
	}
	return paths
}

// copies has half of the receivers take a copy: they delete, and half of them ask for it.
func (s *randomSender) copies(o *receive.Options) (caps uint64, run func(context.Context, *link.Link) (transfer.Result, error)) {
	run = func(ctx context.Context, l *link.Link) (transfer.Result, error) { return receive.Receive(ctx, l, *o) }
	if s.is.oneIn(2) {
		return 0, run
	}
	if o.OnConflict != transfer.ConflictRename {
		o.Mirror = &storage.Mirror{Max: int64(s.is.IntN(6)), All: s.is.oneIn(2)}
	}
	if s.request = s.is.oneIn(2); s.request {
		ask := receive.Request{Paths: requested(), Checksum: s.is.oneIn(2)}
		run = func(ctx context.Context, l *link.Link) (transfer.Result, error) {
			return receive.Fetch(ctx, l, ask, *o)
		}
	}
	s.copying = true
	return copyCaps, run
}

// answerAsk answers a question, more or less. A rude sender answers what nobody asked.
func (s *randomSender) answerAsk() {
	ask, ok := s.questions.next()
	if !ok && !s.is.slips(20) {
		return
	}
	l := framing.Listing{Flags: framing.ListingLast, Source: ask.Source, Path: ask.Path}
	for range s.is.IntN(4) {
		l.Names = append(l.Names, framing.ListingName{Kind: pick(s.is, []framing.EntryKind{0, framing.KindFile, framing.KindFolder, framing.KindFolder}), Name: s.name()})
	}
	slices.SortFunc(l.Names, func(a, b framing.ListingName) int { return bytes.Compare(a.Name, b.Name) })
	switch ask.Kind {
	case framing.AskSources:
		if s.is.oneIn(2) {
			l.Names = append([]framing.ListingName{{Kind: framing.KindFolder}}, l.Names...)
		}
		l.Marks = make([]byte, framing.MarkSize*len(l.Names))
	default:
		l.Flags |= uint8(s.is.IntN(32)) &^ framing.ListingMore
	}
	if s.is.oneIn(8) {
		l.Code, l.Message = framing.CodeUnreadable, []byte("\x1b[2J")
	}
	if s.is.slips(4) {
		l.Flags, l.Source = uint8(s.is.IntN(64)), s.is.size(0, 1, 1<<40)
		l.Path = []byte(pick(s.is, []string{"..", "a/../../canary", "/etc", "a"}))
	}
	for range pick(s.is, []int{1, 1, 1, 1 + 20*s.is.IntN(2)*boolean(s.is.rude)}) {
		s.p.send(framing.TypeListing, l.Append(nil))
	}
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// remark tells of something. Whoever is not rude does so when it may.
func remark(is chooser, p *peer, kinds []framing.RemarkKind) {
	m := framing.Remark{Kind: pick(is, kinds), Code: framing.CodePermission, Number: is.size(0, 1, 2, 1<<40),
		Path: []byte(pick(is, []string{"a", "../canary", "\x1b[2J\n", ""})), Text: bytes.Repeat([]byte("t"), is.IntN(80))}
	if is.slips(4) {
		m.Kind = framing.RemarkKind(1 + is.IntN(15))
	}
	var body []byte
	for range 1 + is.IntN(3) {
		body = m.Append(body)
	}
	for range 1 + 300*boolean(is.slips(10)) {
		p.send(framing.TypeRemark, body)
	}
}

// copyMoves are those of a sender that copies.
func (s *randomSender) copyMoves() []move {
	if !s.copying {
		return nil
	}
	return []move{
		{2, s.answerAsk},
		{1, s.is.rarely(4, func() { remark(s.is, s.p, []framing.RemarkKind{framing.RemarkNotice, framing.RemarkExcluded}) })},
	}
}

// served has the sender serve a request, or wait for none.
func (r *randomReceiver) served(o send.Options) (caps uint64, run func(context.Context, *link.Link) (transfer.Result, error)) {
	run = func(ctx context.Context, l *link.Link) (transfer.Result, error) { return send.Send(ctx, l, o) }
	if r.is.oneIn(2) {
		return 0, run
	}
	r.copying = true
	if r.is.oneIn(2) {
		r.requests = 1
		if r.is.slips(4) {
			r.requests = r.is.IntN(4) // also none
		}
		run = func(ctx context.Context, l *link.Link) (transfer.Result, error) {
			return send.Serve(ctx, l, func(context.Context, send.Request) (send.Options, error) { return o, nil })
		}
	}
	return copyCaps, run
}

// request asks as often as this receiver does, in place of its first move.
func (r *randomReceiver) request() {
	for range r.requests {
		q := framing.Request{Paths: [][]byte{[]byte("../secret"), []byte("tree")}}
		r.p.send(framing.TypeRequest, q.Append(nil))
	}
}

// question asks about the sources. Only a rude receiver does not wait for the answer.
func (r *randomReceiver) question() {
	if r.unanswered.Load() && !r.is.slips(10) {
		return
	}
	r.unanswered.Store(true)
	q := framing.Ask{Kind: framing.AskKind(1 + r.is.IntN(3)), Folder: r.is.oneIn(2)}
	if q.Kind != framing.AskSources {
		q.Path = []byte(pick(r.is, []string{"", "sub", "nowhere", "nowhere/at/all", "link", "small1", "sub/mid"}))
		q.Item = []byte(pick(r.is, []string{"", "small1", "../secret", "\x00"}))
		if r.is.slips(4) {
			q.Source, q.Path = r.is.size(0, 1, 2, 1<<62), []byte(pick(r.is, []string{"..", "../secret", "link/..", "/", "sub//mid", ".", "\x00"}))
		}
	}
	r.p.send(framing.TypeAsk, q.Append(nil))
}

// copyMoves are those of a receiver that copies.
func (r *randomReceiver) copyMoves() []move {
	if !r.copying {
		return nil
	}
	return []move{
		{4, r.question},
		{1, r.is.rarely(4, func() {
			remark(r.is, r.p, []framing.RemarkKind{framing.RemarkNotice, framing.RemarkKept, framing.RemarkDeleted, framing.RemarkUnsynced, framing.RemarkEscaped})
		})},
		{1, r.is.slip(20, r.request)},
	}
}

// hearListing notes the end of an answer, and whether it tells of what is beside the sources.
func (r *randomReceiver) hearListing(body []byte) {
	l, err := framing.ParseListing(body)
	if err != nil {
		return
	}
	for _, n := range l.Names {
		if string(n.Name) == "secret" || l.Source == 0 && string(n.Name) == "big" && len(l.Path) > 0 {
			r.leaked = true
		}
	}
	if l.Flags&framing.ListingLast != 0 {
		r.unanswered.Store(false)
	}
}

// checkDeleted holds what a receiver deleted against what it was allowed to.
func checkDeleted(t *testing.T, o *receive.Options, res *transfer.Result) {
	most := int64(0)
	if o.Mirror != nil {
		most = o.Mirror.Max
	}
	if res.Deleted > most {
		t.Errorf("%d items were deleted, and %d may be", res.Deleted, most)
	}
}

// The receiver asks for a random sender's items by name: they have to cover those.
func TestRequestedCoversAll(t *testing.T) {
	paths := requested()
	s := &randomSender{is: newChooser(1, 1)}
	for range 100 {
		if n := string(s.name()); !slices.Contains(paths, n) {
			t.Errorf("%q is not asked for", n)
		}
	}
}
