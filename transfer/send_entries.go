package transfer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/tree"
)

// BulkSize is from how much content on link.Config.Bulk is worth what it sends
// besides, in bytes.
const BulkSize = 4 << 20

// outEntry is an entry between its announcement and its DONE or FAULT.
type outEntry struct {
	item   *tree.Item
	reader io.Reader // of a stream source
	at     string    // path at the destination
	cost   int64     // bytes of its ENTRY record

	// Guarded by sender.mu.
	file   *outFile        // open content of more than one pack
	root   checksum.Digest // of the content as sent or compared
	size   int64           // of the content as sent or compared
	hashed bool            // root and size are set
	warned bool            // the receiver told what of its metadata is not applied
	failed *Error          // this side gave it up and said so
	asked  bool            // the receiver wants it
	checks int             // attempts that a WANT check came for, at most once each
	stop   func()          // of a stream that is being read: ends it
}

// offer sends OFFER: the named items, with sizes where one look tells them. It
// returns how much content is offered, -1 where that is not known yet.
func (s *sender) offer() (content int64, err error) {
	o := framing.Offer{Items: uint64(len(s.opt.Sources)), RetrySeconds: retrySeconds(s.link), Exact: true}
	if s.opt.Checksum {
		o.Flags |= framing.FlagChecksum
	}
	if s.opt.AllowChanged {
		o.Flags |= framing.FlagAllowChanged
	}
	if s.opt.DryRun {
		o.Flags |= framing.FlagDryRun
		s.track.update(func(_ *Progress, r *Result) { r.DryRun = true })
	}
	o.Flags |= metadataFlags(s.wish)
	s.offered.Store(o.Flags)
	event := Offer{DryRun: s.opt.DryRun}
	for _, src := range s.opt.Sources {
		item := framing.OfferItem{Name: []byte(src.Name), Kind: framing.KindStream}
		if src.Contents {
			item.Name = nil
			item.Kind = framing.KindRoot
		}
		if src.Reader == nil && !src.Contents {
			look := os.Lstat
			if s.opt.Follow {
				look = os.Stat
			}
			info, err := look(src.Path)
			if err == nil && s.opt.Select.ExcludedSource(src.Path, namedInfo(info)) != nil {
				o.Items--
				continue // the walk will say why
			}
			switch {
			case err != nil:
				item.Kind = framing.KindFile // the walk will say why it is missing
			case info.Mode().IsRegular():
				item.Kind, item.Size = framing.KindFile, uint64(info.Size())+1
				o.Bytes += uint64(info.Size())
			case info.IsDir():
				item.Kind = framing.KindFolder
			case info.Mode()&fs.ModeSymlink != 0:
				item.Kind = framing.KindSymlink
			case s.wish.Devices:
				item.Kind = specialKind(info.Mode())
			}
		}
		if item.Kind != framing.KindFile && item.Kind != framing.KindSymlink {
			o.Exact = false
		}
		if len(o.Listed) < framing.MaxListed {
			o.Listed = append(o.Listed, item)
			event.Listed = append(event.Listed, OfferItem{Name: src.Name, Kind: tree.Kind(item.Kind), Size: int64(item.Size) - 1})
		}
	}
	event.Items, event.Bytes, event.Exact = int64(o.Items), int64(o.Bytes), o.Exact
	event.Peer, _, _ = s.link.Peer()
	s.track.tell(Offered{event})
	if content = event.Bytes; !o.Exact {
		content = -1
	}
	// Not flushed: the first ENTRY frame goes with it.
	return content, linkError("sending the offer", s.link.Stream(0).Send(false, framing.TypeOffer, o.Append(nil)))
}

// walk announces every item, at most as far ahead as the receiver's window
// allows, and ends with END.
func (s *sender) walk(ctx context.Context) error {
	b := entryBatchWriter{s: s, ctx: ctx, open: make(map[uint64]openFolder)}
	failed := func(display string, err error) {
		if errors.Is(err, tree.ErrSpecial) || errors.Is(err, tree.ErrOwnState) {
			s.track.tell(Notice{Path: display, Err: err})
			return
		}
		s.mu.Lock()
		s.unsent++
		s.mu.Unlock()
		s.track.update(func(p *Progress, _ *Result) { p.Items++ })
		s.track.failed(sourceError("reading", display, err))
	}
	links := tree.NewHardLinks(tree.MaxHardLinks)
	w := tree.Walk{
		Dirs: s.dirs, Follow: s.opt.Follow, Select: s.opt.Select, Excluded: s.track.excluded, Problem: failed,
		Metadata: s.wish, Granted: b.granted, HardLinks: links, Lost: s.track.lost,
	}
	readers := make(map[string]io.Reader)
	for _, src := range s.opt.Sources {
		if src.Reader != nil {
			readers[src.Name] = src.Reader
			continue
		}
		w.Sources = append(w.Sources, src.Source)
	}
	atDisk := s.track.atDisk()
	err := w.Run(ctx, func(it *tree.Item) error {
		b.rehearse(it)
		return b.add(ctx, &outEntry{item: it})
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
	s.track.update(func(p *Progress, _ *Result) {
		p.Exact = true
		end.Bytes = uint64(p.Total)
	})
	end.Files = uint64(b.files)
	if err := s.link.Stream(0).Send(true, framing.TypeEnd, end.Append(nil)); err != nil {
		return linkError("sending the totals", err)
	}
	if end.Bytes < BulkSize || s.isAccepted() {
		return nil
	}
	return linkError("waiting for the answer", s.link.Warm())
}

// isAccepted tells whether ACCEPT came.
func (s *sender) isAccepted() bool {
	select {
	case <-s.accepted:
		return true
	default:
		return false
	}
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
	unread map[uint64]*doomed
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
			b.total += it.Size
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
	if s.slots.try(1) {
		if s.room.try(cost) {
			return nil
		}
		s.slots.give(1)
	}
	if err := b.flush(); err != nil {
		return err
	}
	s.track.busy.Add(-1) // the walk is not at its disk now
	defer s.track.busy.Add(1)
	if err := s.slots.take(1); err != nil {
		return err
	}
	return s.room.take(cost)
}

func (b *entryBatchWriter) flush() error {
	if len(b.body) == 0 {
		return nil
	}
	items, total := b.items, b.total
	b.s.track.update(func(p *Progress, _ *Result) { p.Items += items; p.Total += total })
	b.items, b.total = 0, 0
	if err := b.s.limit.take(b.ctx, onWire(len(b.body))); err != nil {
		return err
	}
	err := b.s.link.Stream(0).Send(true, framing.TypeEntry, b.body)
	b.body = b.body[:0]
	return linkError("announcing", err)
}
