package mirror

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/here"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Limits of an answer, in bytes of names and paths.
const (
	// answerBytes ends an answer that was not ended by the tree.
	answerBytes = 256 << 10
	// listingBytes ends a LISTING.
	listingBytes = 48 << 10
)

// Answerer answers questions about the sources.
type Answerer struct {
	out     framing.Stream // stream 0
	sources []storage.PruneSource
	unsure  *transfer.Error // a source could not be opened: nothing may be deleted
	worked  func()          // an answer is work: no standstill
	asked   chan framing.Ask
	busy    atomic.Bool // a question waits for its whole answer
	here    here.Machine
}

// NewAnswerer answers on stream 0 for these sources. Unsure, if it is not nil, is told in
// the place of which there are.
func NewAnswerer(out framing.Stream, sources []storage.PruneSource, unsure *transfer.Error, worked func()) *Answerer {
	return &Answerer{out: out, sources: sources, unsure: unsure, worked: worked, asked: make(chan framing.Ask, 1), here: here.This()}
}

// Ask takes a question. It may come when the one before is answered.
func (a *Answerer) Ask(m framing.Ask) error {
	if !a.busy.CompareAndSwap(false, true) {
		return failure.Violation("ASK before the last one was answered")
	}
	m.Path, m.Item = bytes.Clone(m.Path), bytes.Clone(m.Item)
	a.asked <- m
	return nil
}

// Run answers until over is closed.
func (a *Answerer) Run(ctx context.Context, over <-chan struct{}) error {
	for {
		select {
		case m := <-a.asked:
			if err := a.answer(&m); err != nil {
				return err
			}
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *Answerer) answer(m *framing.Ask) error {
	if m.Kind == framing.AskSources {
		return a.which()
	}
	if m.Source >= uint64(len(a.sources)) || a.sources[m.Source].Folder == nil {
		return failure.Violation("ASK about source %d, which is no folder", m.Source)
	}
	top, own := a.sources[m.Source].Folder().(*folder)
	if !own {
		return failure.Violation("ASK about source %d", m.Source)
	}
	if len(m.Path) > 0 {
		for name := range strings.SplitSeq(string(m.Path), "/") {
			if err := tree.CheckName(name); err != nil {
				return failure.Violation("ASK about %q: %v", m.Path, err)
			}
		}
	}
	w := &answering{a: a, source: m.Source}
	if m.Kind == framing.AskRules {
		return a.ruled(w, top, m)
	}
	if _, err := w.from(top, string(m.Path)); err != nil {
		return err
	}
	return w.end()
}

// which answers which sources there are.
func (a *Answerer) which() error {
	w := &answering{a: a}
	if a.unsure != nil {
		w.begin(framing.Listing{Code: a.unsure.Code, Message: []byte(failure.Message(a.unsure))})
		return w.end()
	}
	w.begin(framing.Listing{})
	for i := range a.sources {
		kind := framing.KindFile
		if a.sources[i].Folder != nil {
			kind = framing.KindFolder
		}
		if err := w.name(kind, a.sources[i].Name); err != nil {
			return err
		}
		mark := make([]byte, framing.MarkSize)
		copy(mark, a.here.Mark(a.sources[i].Before))
		w.last.Marks = append(w.last.Marks, mark...)
		w.size += framing.MarkSize
	}
	return w.end()
}

// ruled answers whether rules leave out an item.
func (a *Answerer) ruled(w *answering, f *folder, m *framing.Ask) error {
	if len(m.Path) > 0 {
		for name := range strings.SplitSeq(string(m.Path), "/") {
			f = f.child(name)
		}
	}
	err := f.enter()
	out := false
	if err == nil {
		out, err = f.LeavesOut(string(m.Item), m.Folder)
	}
	w.begin(w.listing(string(m.Path), err))
	if out {
		w.last.Names = append(w.last.Names, framing.ListingName{Kind: framing.KindFile, Name: []byte("-")})
	}
	return w.end()
}

// answering is one answer on its way out.
type answering struct {
	a      *Answerer
	source uint64
	last   *framing.Listing // not sent yet
	size   int              // of its names
	total  int              // of all that was sent
}

// listing is the beginning of what is told of a folder.
func (w *answering) listing(path string, err error) framing.Listing {
	l := framing.Listing{Source: w.source, Path: []byte(path)}
	if err != nil {
		failed := failure.Source("looking at", path, err)
		if l.Code, l.Message = failed.Code, []byte(failure.Message(failed)); errors.Is(err, storage.ErrSourceChanged) {
			l.Code = framing.CodeChanged
		}
	}
	return l
}

// begin goes on with another folder. What was told before it is sent with the next.
func (w *answering) begin(l framing.Listing) { w.last = &l }

// name adds an item.
func (w *answering) name(kind framing.EntryKind, name string) error {
	if w.size >= listingBytes {
		part := *w.last
		part.Flags |= framing.ListingMore
		if err := w.send(&part); err != nil {
			return err
		}
		w.last.Names, w.last.Marks = nil, nil
	}
	w.last.Names = append(w.last.Names, framing.ListingName{Kind: kind, Name: []byte(name)})
	w.size += len(name) + 3
	return nil
}

// end sends what is left.
func (w *answering) end() error {
	w.last.Flags |= framing.ListingLast
	w.a.busy.Store(false)
	return w.send(w.last)
}

func (w *answering) send(l *framing.Listing) error {
	body := l.Append(nil)
	w.size = 0
	w.total += len(body)
	w.a.worked()
	return failure.Link("telling what the source has", w.a.out.Send(l.Flags&framing.ListingLast != 0, framing.TypeListing, body))
}

// from tells of the folder at rel in f, and of those that follow. more says that there is
// room for what comes after f.
func (w *answering) from(f *folder, rel string) (more bool, err error) {
	if rel == "" {
		return w.whole(f)
	}
	name, rest, _ := strings.Cut(rel, "/")
	if more, err = w.from(f.child(name), rest); err != nil || !more {
		return more, err
	}
	if _, err := f.Look(); err != nil {
		return false, nil // nobody asked for this one
	}
	return w.below(f, name)
}

// whole tells of f and all below it.
func (w *answering) whole(f *folder) (more bool, err error) {
	if w.last != nil { // the folder before
		if w.total >= answerBytes {
			return false, nil
		}
		if err := w.send(w.last); err != nil {
			return false, err
		}
	}
	look, err := f.Look()
	l := w.listing(f.rel, err)
	l.Sec, l.Nsec = look.MTime.Sec, look.MTime.Nsec
	if look.Foreign {
		l.Flags |= framing.ListingForeign
	}
	if f.rules != nil {
		l.Flags |= framing.ListingRules
	}
	if f.parent == nil && err == nil {
		l.Message = []byte(look.Path)
		if f.Delivers() {
			l.Flags |= framing.ListingDelivers
		}
	}
	w.begin(l)
	if err != nil || look.Foreign {
		return true, nil
	}
	for _, n := range look.Names {
		kind, err := f.Find(n.Name)
		if err != nil {
			w.last.Names = nil
			w.last.Code, w.last.Message = framing.CodeUnreadable, []byte(err.Error())
			return false, nil
		}
		switch kind {
		case 0: // it has gone
			continue
		case tree.KindOther:
			kind = 0
		}
		if err := w.name(framing.EntryKind(kind), n.Name); err != nil {
			return false, err
		}
	}
	return w.below(f, "")
}

// below tells of the folders in f whose names come after that one.
func (w *answering) below(f *folder, after string) (more bool, err error) {
	for _, n := range f.names {
		if n.Name <= after {
			continue
		}
		kind, err := f.Find(n.Name)
		if err != nil || kind != tree.Folder {
			continue
		}
		c := f.child(n.Name)
		if out, err := f.LeavesOut(c.rel, true); out || err != nil {
			continue
		}
		if more, err := w.whole(c); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}
