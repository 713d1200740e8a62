package send

import (
	"context"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// feeder turns wants into jobs, in the order in which they came. The goroutine feed runs
// it.
type feeder struct {
	wants    *wants
	checks   *flow.Queue[checkJob]
	belt     *belt
	bufs     *buffers
	slots    *flow.Gauge // large files that may be open
	lists    *lists
	book     *book
	attempts *attempts
	purse    *purse
	track    *progress.Tracker
	stream   func(*entry) // starts a goroutine that sends a source of unknown length
	within   bool         // the receiver is in this process: workers write, and have buffers

	pack  []*entry  // small files that wait for company
	bytes int64     // of them
	dry   time.Time // when no want waited since the first of them; zero: one did
}

// run ends when no wants come any more.
func (f *feeder) run(ctx context.Context) error {
	defer f.belt.close()
	for {
		w, ok, over := f.wants.try()
		if !ok && !over {
			var err error
			if w, ok, over, err = f.company(ctx); err != nil {
				return err
			}
		}
		if !ok && !over {
			// No want waits: the pack at hand does not either.
			if err := f.flush(ctx); err != nil {
				return err
			}
			var err error
			if w, ok, err = f.wants.take(ctx); err != nil {
				return err
			}
		}
		if !ok {
			return nil
		}
		if err := f.begin(ctx, &w); err != nil {
			return err
		}
	}
}

// company waits a little for the rest of a bundle that began, since others can share it only
// if it is whole.
func (f *feeder) company(ctx context.Context) (w want, ok, over bool, err error) {
	if len(f.pack) == 0 || f.pack[0].bundle == nil {
		return w, false, false, nil
	}
	if f.dry.IsZero() {
		f.dry = time.Now()
	}
	timer := time.NewTimer(bundleDelay - time.Since(f.dry))
	defer timer.Stop()
	for !ok && !over {
		select {
		case <-f.wants.woken():
			w, ok, over = f.wants.try()
		case <-timer.C:
			return w, false, false, nil
		case <-ctx.Done():
			return w, false, false, context.Cause(ctx)
		}
	}
	return w, ok, over, nil
}

// begin makes the jobs for one want.
func (f *feeder) begin(ctx context.Context, w *want) error {
	it := w.entry.item
	if w.kind == wantAll && it.Kind == tree.File && w.attempt == 0 && it.Size <= int64(f.purse.frame(flow.PackLimit)) {
		return f.small(ctx, w.entry)
	}
	if err := f.flush(ctx); err != nil {
		return err
	}
	if it.Kind == tree.Stream {
		f.stream(w.entry)
		return nil
	}
	return f.file(ctx, w)
}

// small adds a file to the pack at hand.
func (f *feeder) small(ctx context.Context, e *entry) error {
	size := e.item.Size
	other := len(f.pack) > 0 && f.pack[0].bundle != e.bundle
	if other || len(f.pack) == packFiles || f.bytes+size > int64(f.purse.frame(packBytes)) {
		if err := f.flush(ctx); err != nil {
			return err
		}
	}
	f.pack, f.bytes = append(f.pack, e), f.bytes+size
	if e.bundle != nil && e.bundle.whole(len(f.pack)) {
		return f.flush(ctx)
	}
	return nil
}

// flush hands the pack at hand on.
func (f *feeder) flush(ctx context.Context) error {
	if len(f.pack) == 0 {
		return nil
	}
	j := &packJob{entries: f.pack, pool: f.bufs.pool, share: f.bufs.share, track: f.track, ready: make(chan struct{})}
	j.Owner = j
	if f.within {
		j.share = nil
	}
	f.pack, f.bytes, f.dry = nil, 0, time.Time{}
	return f.put(ctx, j)
}

// put hands a job on.
func (f *feeder) put(ctx context.Context, j job) error {
	if f.within {
		return f.belt.fill(ctx, j)
	}
	return f.belt.put(ctx, j)
}

// file makes the jobs for one want of a file that fills chunks.
func (f *feeder) file(ctx context.Context, w *want) error {
	c, a, err := f.find(w)
	if err != nil || a == nil {
		f.wants.answered(*w)
		return err
	}
	size := a.size()
	chunks := checksum.Chunks(size)
	switch w.kind {
	case wantCheck:
		f.checks.Put(checkJob{content: c, attempt: a, want: *w})
		return nil
	case wantAll, wantChange:
		if w.first, w.count = 0, chunks; chunks == 0 {
			return f.attempts.finish(c, a)
		}
		f.started(c, size, 0)
	}
	if w.first > chunks || w.count > chunks-w.first {
		return failure.Violation("WANT for chunk %d of %d", w.first+w.count, chunks)
	}
	if w.kind == wantPage {
		f.started(c, size, w.held(size))
		f.checks.Put(checkJob{content: c, attempt: a, want: *w})
	}
	if w.hold {
		return nil
	}
	for i := range w.count {
		if w.kind == wantPage && w.page.has(i) {
			continue
		}
		if err := f.chunk(ctx, c, a, w.first+i, w.kind); err != nil {
			return err
		}
	}
	return nil
}

// started tells once that the content of a file begins to move.
func (f *feeder) started(c *content, size, reuse int64) {
	if c.told {
		return
	}
	c.told = true
	f.track.Tell(transfer.ItemStarted{Path: c.entry.item.Display, Size: size, Reuse: reuse})
}

// chunk hands one chunk on, when there is a buffer for it. A hole needs none. One that is
// asked for again, or to be put together, is read for this delivery alone.
func (f *feeder) chunk(ctx context.Context, c *content, a *attempt, index uint64, kind wantKind) error {
	n := checksum.ChunkLen(a.size(), index)
	j := &chunkJob{
		Chunk: parcel.Chunk{
			Entry: c.entry.item.ID, Attempt: a.number, Offset: index * checksum.ChunkSize, Size: n,
			Encoding: framing.EncodingRaw, Last: true,
		},
		content: c, attempt: a, index: index, bufs: f.bufs, track: f.track, ready: make(chan struct{}),
	}
	switch {
	case kind == wantPatch:
		j.patch = true
	case kind != wantAgain && !f.within:
		j.share = f.bufs.share
	}
	j.Owner = j
	if c.hole(a, index, n) {
		j.Encoding = framing.EncodingZeros
		return f.put(ctx, j)
	}
	if f.within {
		return f.put(ctx, j)
	}
	var err error
	if j.buf, err = f.bufs.take(n); err != nil {
		return err
	}
	j.Data = *j.buf
	return f.belt.put(ctx, j)
}

// find returns the open file that a want speaks of, and its attempt. There is no attempt
// if the want is for one that is over, or if the file cannot be opened or is not what was
// announced, which the receiver is told.
func (f *feeder) find(w *want) (*content, *attempt, error) {
	open, givenUp := f.book.content(w.entry)
	if givenUp {
		return nil, nil, nil
	}
	c, _ := open.(*content)
	if c == nil {
		if w.attempt != 0 {
			return nil, nil, failure.Violation("WANT for attempt %d of an entry that has had none", w.attempt)
		}
		var err error
		if c, err = f.open(w); c == nil || err != nil {
			return nil, nil, err
		}
	}
	a, parked := c.current(w.attempt)
	if a == nil {
		return nil, nil, nil
	}
	if parked {
		if err := f.reopen(c, a); err != nil {
			return nil, nil, err
		}
	}
	if !c.resume(a, w.kind != wantAgain && w.kind != wantPatch && w.kind != wantDiffer) {
		return nil, nil, nil
	}
	return c, a, nil
}

// open opens a file for the first time. It returns nil if there is nothing to send of it.
func (f *feeder) open(w *want) (*content, error) {
	e := w.entry
	c := &content{entry: e, source: storage.OfItem(e.item), slots: f.slots, lists: f.lists}
	if err := c.takeSlot(e.item.Size); err != nil {
		return nil, err
	}
	a, err := c.begin(0)
	if !f.book.attach(e, c) { // the receiver gave it up meanwhile
		c.end()
		return nil, nil
	}
	if err != nil {
		return nil, f.attempts.unread(e, "opening", err)
	}
	if w.kind == wantChange || !announced(a.info, &e.item.Entry) && !(f.attempts.onlyOnce() && a.size() == e.item.Size) {
		return nil, f.attempts.again(c, a)
	}
	return c, nil
}

// reopen opens a parked file again. If it changed, that ends the attempt.
func (f *feeder) reopen(c *content, a *attempt) error {
	if err := c.takeSlot(a.size()); err != nil {
		return err
	}
	same, err := c.reopen(a)
	if err != nil {
		return f.attempts.unread(c.entry, "opening", err)
	}
	if !same {
		return f.attempts.again(c, a)
	}
	return nil
}
