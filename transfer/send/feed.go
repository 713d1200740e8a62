package send

import (
	"context"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// job is a unit of reading, hashing and sending. One goroutine has it at a
// time: feed, then a worker, then a writer.
type job struct {
	ready chan struct{} // closed by the worker; the writer waits for it

	// A pack: the entries, then the body of the PACK frame. body is empty when
	// none of them could be read.
	pack []*outEntry
	body *[]byte
	size int64 // of the content, of a chunk too

	// Or a chunk.
	file    *outFile
	attempt uint8
	index   uint64
	single  bool    // checked by digest: the file is this chunk
	hole    bool    // it is zeros, which are neither read nor sent
	data    *[]byte // the bytes of the chunk; nil of a hole
	check   [32]byte
	skip    bool // nothing to send: the attempt is over, or reading failed

	zstd  bool   // body or data is a zstd frame of what the comments say
	epoch uint32 // of the decision about that
}

// feed turns wants into jobs, in the order they came. It alone sends on work
// and order, and closes both.
func (s *sender) feed(ctx context.Context, start starter) error {
	defer close(s.work)
	defer close(s.order)
	var small []*outEntry
	var smallBytes int64
	flush := func() error {
		if len(small) == 0 {
			return nil
		}
		j := &job{pack: small, ready: make(chan struct{})}
		small, smallBytes = nil, 0
		return s.submit(ctx, j)
	}
	for {
		w, ok, done := s.wants.Try()
		if !ok && !done {
			// Nothing waits: a pack does not either.
			if err := flush(); err != nil {
				return err
			}
			var err error
			if w, ok, err = s.wants.Take(ctx); err != nil {
				return err
			}
			done = !ok
		}
		if done {
			return nil
		}
		if !w.changed && !w.own {
			s.queued.Add(-1)
		}
		it := w.entry.item
		if w.kind == framing.WantAll && it.Kind == tree.File && it.Size <= int64(s.limit.Frame(flow.PackLimit)) && w.attempt == 0 && !w.changed {
			if len(small) == packFiles || smallBytes+it.Size > int64(s.limit.Frame(packBytes)) {
				if err := flush(); err != nil {
					return err
				}
			}
			small, smallBytes = append(small, w.entry), smallBytes+it.Size
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if it.Kind == tree.Stream {
			entry := w.entry
			start(func(ctx context.Context) error { return s.stream(ctx, entry) })
			continue
		}
		if err := s.feedFile(ctx, w); err != nil {
			return err
		}
	}
}

// submit hands a job to the workers, and in turn to the writers.
func (s *sender) submit(ctx context.Context, j *job) error {
	select {
	case s.order <- j:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case s.work <- j:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// feedFile makes the jobs for one want of a file that fills chunks.
func (s *sender) feedFile(ctx context.Context, w want) error {
	o, size, err := s.outFile(&w)
	if err != nil || o == nil {
		s.retirePage(w)
		return err
	}
	switch w.kind {
	case framing.WantCheck:
		s.checks.Put(checkJob{file: o, want: w, size: size})
		return nil
	case framing.WantAll:
		w.first, w.count = 0, checksum.Chunks(size)
		if w.count == 0 {
			return s.finish(o, w.attempt)
		}
		s.started(o, w, size)
	}
	if total := checksum.Chunks(size); w.first > total || w.count > total-w.first {
		return failure.Violation("WANT for chunk %d of %d", w.first+w.count, total)
	}
	if w.page != nil {
		s.started(o, w, size)
		s.checks.Put(checkJob{file: o, want: w, size: size})
	}
	for i := range w.count {
		if w.page != nil && w.page.has(i) {
			continue
		}
		if err := s.feedChunk(ctx, o, w.attempt, w.first+i, size); err != nil {
			return err
		}
	}
	return nil
}

// started tells once that the content of a file begins to move.
func (s *sender) started(o *outFile, w want, size int64) {
	if o.told {
		return
	}
	o.told = true
	e := transfer.ItemStarted{Path: w.entry.item.Display, Size: size}
	if w.page != nil {
		e.Reuse = held(w, size)
	}
	s.track.Tell(e)
}

// feedChunk submits one chunk, when there is a buffer for it. A hole needs none.
func (s *sender) feedChunk(ctx context.Context, o *outFile, attempt uint8, index uint64, size int64) error {
	n := checksum.ChunkLen(size, index)
	j := &job{
		file: o, attempt: attempt, index: index, single: size <= checksum.ChunkSize, ready: make(chan struct{}),
		hole: o.hole(attempt, index, n), size: int64(n),
	}
	if !j.hole {
		if err := s.bufs.Take(int64(n)); err != nil {
			return err
		}
		j.data = s.pool.Get(n)
	}
	return s.submit(ctx, j)
}

// outFile is the open file that a want speaks of, and its size. It returns nil
// when the want is for an attempt that is over, or when the file cannot be
// opened or is not what was announced, which it reports to the receiver.
func (s *sender) outFile(w *want) (*outFile, int64, error) {
	e := w.entry
	s.mu.Lock()
	o, failed := e.file, e.failed != nil
	s.mu.Unlock()
	if failed {
		return nil, 0, nil
	}
	if o == nil {
		if w.attempt != 0 {
			return nil, 0, failure.Violation("WANT for attempt %d of an entry that has had none", w.attempt)
		}
		o = &outFile{entry: e}
		if err := s.takeSlot(o, e.item.Size); err != nil {
			return nil, 0, err
		}
		err := o.begin(0)
		s.mu.Lock()
		settled := s.inFlight[e.item.ID] != e
		if !settled {
			e.file = o
		}
		s.mu.Unlock()
		if settled { // the receiver gave it up meanwhile
			s.drop(o)
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, s.giveUp(e, failure.Source("opening", e.item.Display, err))
		}
		asRead := s.opt.AllowChanged && s.accept.Ordered && o.size == e.item.Size
		if w.changed || !announced(o.info, &e.item.Entry) && !asRead {
			return nil, 0, s.restart(o, 0)
		}
	}
	o.mu.Lock()
	stale := o.attempt != w.attempt || o.closed
	parked := !stale && o.f == nil && !o.small()
	info := o.info
	o.mu.Unlock()
	if stale {
		return nil, 0, nil
	}
	if parked {
		if err := s.takeSlot(o, o.size); err != nil {
			return nil, 0, err
		}
		if err := o.begin(w.attempt); err != nil {
			return nil, 0, s.giveUp(e, failure.Source("opening", e.item.Display, err))
		}
		if !o.info.SameVersion(info) {
			return nil, 0, s.restart(o, w.attempt)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.attempt != w.attempt || o.closed {
		return nil, 0, nil
	}
	if o.ended && w.kind != framing.WantAgain {
		o.rewind() // it was only compared, or the receiver lost what it had
	}
	return o, o.size, nil
}

// takeSlot waits until one more large file may be open. It cannot wait for ever:
// the receiver has at most half as many in work, and those that it has done with
// are settled by what it says, not by what is fed.
func (s *sender) takeSlot(o *outFile, size int64) error {
	if size <= checksum.ChunkSize {
		return nil
	}
	if err := s.open.Take(1); err != nil {
		return err
	}
	o.mu.Lock()
	o.slot = true
	o.mu.Unlock()
	return nil
}

// drop closes a file and gives its slot back.
func (s *sender) drop(o *outFile) {
	if o.close() {
		s.open.Give(1)
	}
}

func (s *sender) retirePage(w want) {
	if w.page != nil {
		s.pages.Add(-1)
	}
}

// held is how many bytes of a page the receiver says it has.
func held(w want, size int64) (n int64) {
	for i := range w.count {
		if w.page.has(i) {
			n += int64(checksum.ChunkLen(size, w.first+i))
		}
	}
	return n
}
