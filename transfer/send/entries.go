package send

import (
	"context"
	"errors"
	"io"
	"path"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// outEntry is an entry between its announcement and its DONE or FAULT.
type outEntry struct {
	item   *tree.Item
	reader io.Reader // of a stream source
	at     string    // path at the destination
	cost   int64     // bytes of its ENTRY record
	most   int64     // bytes that it was announced with at first

	// Guarded by sender.mu.
	file   *outFile        // open content of more than one pack
	root   checksum.Digest // of the content as sent or compared
	size   int64           // of the content as sent or compared
	hashed bool            // root and size are set
	warned bool            // the receiver told what of its metadata is not applied
	failed *transfer.Error // this side gave it up and said so
	asked  bool            // the receiver wants it
	checks int             // attempts that a WANT check came for, at most once each
	stop   func()          // of a stream that is being read: ends it
}

// offer sends OFFER: the named items, with sizes where one look tells them. What may
// be sent as it is read has no final size. It returns how much content is offered, -1
// where that is not known yet.
func (s *sender) offer() (content int64, err error) {
	o := framing.Offer{RetrySeconds: wire.RetrySeconds(s.link.RetryFor()), Exact: !s.opt.AllowChanged}
	if s.opt.Checksum {
		o.Flags |= framing.FlagChecksum
	}
	if s.opt.AllowChanged {
		o.Flags |= framing.FlagAllowChanged
	}
	if s.opt.DryRun {
		o.Flags |= framing.FlagDryRun
		s.track.Rehearse()
	}
	o.Flags |= wire.Flags(s.wish)
	s.offered.Store(o.Flags)
	walk := s.newWalk()
	var items []framing.OfferItem
	total := int64(0)
	for i := range s.opt.Sources {
		src := &s.opt.Sources[i]
		if src.Reader != nil {
			items = append(items, framing.OfferItem{Kind: framing.KindStream, Name: []byte(src.Name)})
			o.Exact = false
			continue
		}
		kind, size, err := walk.Look(&src.Source)
		if err != nil {
			kind = tree.File // the walk will say why it is missing
		}
		s.promise.sources = append(s.promise.sources, promised{kind, size})
		if kind == 0 {
			continue // likewise
		}
		item := framing.OfferItem{Kind: framing.EntryKind(kind), Name: []byte(src.Name)}
		switch {
		case kind == tree.Root:
			item.Name = nil
		case kind == tree.File && err == nil:
			item.Size = uint64(size) + 1
			total = flow.Plus(total, size)
		}
		o.Exact = o.Exact && (kind == tree.File || kind == tree.Symlink)
		items = append(items, item)
	}
	o.Items, o.Bytes, o.Listed = uint64(len(items)), uint64(total), choose(items)
	event := transfer.Offer{Items: int64(o.Items), Bytes: total, Exact: o.Exact, DryRun: s.opt.DryRun}
	for _, it := range o.Listed {
		event.Listed = append(event.Listed, transfer.OfferItem{Name: string(it.Name), Kind: tree.Kind(it.Kind), Size: int64(it.Size) - 1})
	}
	event.Peer, _, _ = s.link.Peer()
	s.track.Tell(transfer.Offered{Offer: event})
	if content = total; !o.Exact {
		content = -1
	}
	o.Exact = o.Exact && !s.opt.Unasked
	s.promise.exact = o.Exact
	// Not flushed: the first ENTRY frame goes with it.
	return content, failure.Link("sending the offer", s.link.Stream(0).Send(false, framing.TypeOffer, o.Append(nil)))
}

// newWalk is a walk as the offer and the announcements both see it.
func (s *sender) newWalk() tree.Walk {
	return tree.Walk{Dirs: s.dirs, Follow: s.opt.Follow, Select: s.opt.Select, Metadata: s.wish}
}

// walk announces every item, at most as far ahead as the receiver's window
// allows, and ends with END.
func (s *sender) walk(ctx context.Context) error {
	b := entryBatchWriter{s: s, ctx: ctx, open: make(map[uint64]openFolder)}
	failed := func(display string, err error) {
		if errors.Is(err, tree.ErrSpecial) || errors.Is(err, tree.ErrOwnState) {
			s.track.Tell(transfer.Notice{Path: display, Err: err})
			return
		}
		s.mu.Lock()
		s.unsent++
		s.mu.Unlock()
		s.track.Announced(1, 0)
		s.track.Failed(failure.Source("reading", display, err))
	}
	links := tree.NewHardLinks(tree.MaxHardLinks)
	w := s.newWalk()
	w.Excluded, w.Problem, w.Lost, w.Admit = s.track.Excluded, failed, s.track.Lost, s.promise.admit
	w.Granted, w.HardLinks = b.granted, links
	for _, src := range s.opt.Sources {
		if src.Reader == nil {
			w.Sources = append(w.Sources, src.Source)
		}
	}
	atDisk := s.track.AtDisk()
	err := w.Run(ctx, func(it *tree.Item) error {
		b.rehearse(it)
		return b.add(ctx, &outEntry{item: it, most: it.Size})
	})
	atDisk()
	if err != nil {
		return err
	}
	s.countCopies(links)
	// Streams of unknown length come last, so that they hold up nothing.
	for _, src := range s.opt.Sources {
		if src.Reader == nil {
			continue
		}
		now := time.Now()
		it := &tree.Item{Display: src.Name, Entry: tree.Entry{
			ID: b.lastID + 1, Kind: tree.Stream, Name: src.Name, Mode: 0o644, Size: -1,
			MTime: tree.Time{Sec: now.Unix(), Nsec: uint32(now.Nanosecond())},
		}}
		if err := b.add(ctx, &outEntry{item: it, reader: src.Reader}); err != nil {
			return err
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	s.mu.Lock()
	s.walked = true
	end := framing.End{Entries: s.lastID, Failed: uint64(s.unsent)}
	s.mu.Unlock()
	end.Bytes = uint64(s.track.Walked())
	end.Files = uint64(b.files)
	if err := s.link.Stream(0).Send(true, framing.TypeEnd, end.Append(nil)); err != nil {
		return failure.Link("sending the totals", err)
	}
	return nil
}

// entryBatchWriter gathers ENTRY records. Used by walk alone.
type entryBatchWriter struct {
	s      *sender
	ctx    context.Context // of walk
	body   []byte
	record []byte    // scratch
	first  time.Time // when the oldest record in body was added
	lastID uint64
	items  int64 // in body, not yet in the progress
	total  int64
	files  int64 // in all
	// open has the paths at the destination of the folders that did not end.
	open map[uint64]openFolder
	// openCost is what the records of those count for: they are in flight until
	// the folders end.
	openCost int64
	// unread has, of a dry run, the items with several names that cannot be opened.
	unread map[uint64]*progress.Doomed
}

type openFolder struct {
	at   string
	cost int64
}

func (b *entryBatchWriter) add(ctx context.Context, e *outEntry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s, it := b.s, e.item
	b.encode(it)
	isEntry := it.Kind != tree.FolderEnd
	e.at = path.Join(b.open[it.Parent].at, it.Name)
	if it.Kind == tree.Root {
		e.at = "."
	}
	if isEntry {
		// One entry may always be in flight, so none costs more than the window.
		e.cost = min(int64(len(b.record)), s.entryCost.Load())
		if err := b.reserve(e.cost); err != nil {
			return err
		}
	}
	switch it.Kind {
	case tree.Folder, tree.Root:
		b.open[it.ID] = openFolder{e.at, e.cost}
		b.openCost += e.cost
		s.nameRoot(it)
	case tree.FolderEnd:
		b.openCost -= b.open[it.ID].cost
		delete(b.open, it.ID)
	}
	if len(b.body) == 0 {
		b.first = time.Now()
		b.body = framing.AppendEntryHeader(b.body, b.lastID+1)
	}
	b.body = append(b.body, b.record...)
	if isEntry {
		b.lastID = it.ID
		b.items++
		if it.Kind == tree.File {
			b.total = flow.Plus(b.total, it.Size)
			b.files++
		}
		s.mu.Lock()
		s.inFlight[it.ID] = e
		s.lastID = it.ID
		s.mu.Unlock()
	}
	if len(b.body) >= entryBatch || time.Since(b.first) >= entryDelay {
		return b.flush()
	}
	return nil
}

// reserve waits for room for one more entry of that many bytes. What was
// gathered leaves before it waits: settling it is what makes room.
func (b *entryBatchWriter) reserve(cost int64) error {
	s := b.s
	if s.slots.Try(1) {
		if s.room.Try(cost) {
			return nil
		}
		s.slots.Give(1)
	}
	if err := b.flush(); err != nil {
		return err
	}
	defer s.track.OffDisk()() // the walk is not at its disk now
	if err := s.slots.Take(1); err != nil {
		return err
	}
	return s.room.Take(cost)
}

func (b *entryBatchWriter) flush() error {
	if len(b.body) == 0 {
		return nil
	}
	b.s.track.Announced(b.items, b.total)
	b.items, b.total = 0, 0
	if err := b.s.limit.Take(b.ctx, flow.OnWire(len(b.body))); err != nil {
		return err
	}
	err := b.s.link.Stream(0).Send(true, framing.TypeEntry, b.body)
	b.body = b.body[:0]
	return failure.Link("announcing", err)
}
