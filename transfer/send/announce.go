package send

import (
	"cmp"
	"context"
	"errors"
	"path"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// announcer walks the sources and announces every item, as far ahead of the verdicts as
// the window allows. It ends with END. The goroutine deliver uses it for the offer, and the
// goroutine walk from then on.
type announcer struct {
	opt     *Options
	dirs    *tree.Dirs
	out     framing.Stream // stream 0
	terms   *terms
	promise *promise
	window  *window
	book    *book
	track   *progress.Tracker

	batch   batch
	folders folders
	bundles bundler
	trials  map[uint64]*trial // of a dry run, by id: of items with several names
	record  []byte            // scratch
	last    uint64            // id of the entry announced last
	files   int64             // announced
	ends    error             // the delivery: met at an item, and not the item's fault
}

func newAnnouncer(s *sender, window *window, promise *promise) *announcer {
	return &announcer{
		opt: s.opt, dirs: tree.NewDirs(flow.MayOpen(flow.OpenFolders, 8)), out: s.out, terms: s.terms, promise: promise, window: window, book: s.book,
		track: s.track, batch: batch{out: s.out, purse: s.purse, track: s.track}, folders: folders{open: make(map[uint64]openFolder)},
		trials: make(map[uint64]*trial),
	}
}

// close lets go of the folders. No goroutine of the delivery is left.
func (a *announcer) close() {
	_ = a.dirs.Close() // only read handles: nothing is lost if one does not close
}

// newWalk is a walk as the offer and the announcements both see it.
func (a *announcer) newWalk() tree.Walk {
	return tree.Walk{Dirs: a.dirs, Follow: a.opt.Follow, Select: a.opt.Select, Metadata: a.terms.wish}
}

// run announces everything.
func (a *announcer) run(ctx context.Context) error {
	if err := a.walk(ctx); err != nil {
		return err
	}
	a.bundles.close()
	if err := a.streams(ctx); err != nil {
		return err
	}
	if err := a.batch.flush(ctx); err != nil {
		return err
	}
	if err := a.track.SendRemarks(a.out); err != nil {
		return err
	}
	end := a.book.close()
	end.Files, end.Bytes = uint64(a.files), uint64(a.track.Walked())
	return failure.Link("sending the totals", a.out.Send(true, framing.TypeEnd, end.Append(nil)))
}

// walk announces what is in the file system.
func (a *announcer) walk(ctx context.Context) error {
	links := tree.NewHardLinks(tree.MaxHardLinks)
	w := a.newWalk()
	w.Excluded, w.Problem, w.Lost, w.Admit = a.track.Excluded, a.missed, a.track.Lost, a.promise.admit
	w.Granted, w.HardLinks = a.granted, links
	if r := a.opt.Reading; r != nil {
		began := time.Now()
		w.Survey, w.Fresh = r.survey, func() time.Time { return a.terms.since(began) }
	}
	for _, src := range a.opt.Sources {
		if src.Reader == nil {
			w.Sources = append(w.Sources, src.Source)
		}
	}
	back := a.track.AtDisk()
	err := w.Run(ctx, func(it *tree.Item) error {
		return a.add(ctx, &entry{item: it, most: it.Size, trial: a.try(it)})
	})
	back()
	err = cmp.Or(err, a.ends)
	if n := links.Copies(); err == nil && n > 0 {
		a.track.Warned(transfer.ItemWarned{What: tree.AttrHardLink, Code: framing.CodeUnsupported, Err: errManyLinks}, int64(n))
	}
	return err
}

// errManyLinks: the table of items with several names was full.
var errManyLinks = errors.New("more items with several names than are remembered; each of these names is sent as an item of its own")

// streams announces the sources of unknown length. They come last, so that they hold up
// nothing.
func (a *announcer) streams(ctx context.Context) error {
	for _, src := range a.opt.Sources {
		if src.Reader == nil {
			continue
		}
		now := time.Now()
		it := &tree.Item{Display: src.Name, Entry: tree.Entry{
			ID: a.last + 1, Kind: tree.Stream, Name: src.Name, Mode: 0o644, Size: -1,
			MTime: tree.Time{Sec: now.Unix(), Nsec: uint32(now.Nanosecond())},
		}}
		if err := a.add(ctx, &entry{item: it, reader: src.Reader}); err != nil {
			return err
		}
	}
	return nil
}

// missed is tree.Walk.Problem.
func (a *announcer) missed(display string, err error) {
	if errors.Is(err, tree.ErrSpecial) || errors.Is(err, tree.ErrOwnState) {
		a.track.Tell(transfer.Notice{Path: display, Err: err})
		return
	}
	if endsAll(err) {
		a.ends = crowded("reading", display, err)
		return
	}
	a.book.miss()
	a.track.Announced(1, 0)
	failed := failure.Source("reading", display, err)
	a.track.Failed(failed)
	a.track.Remark(framing.Remark{Kind: framing.RemarkFailed, Code: failed.Code, Path: []byte(display), Text: []byte(failure.Message(failed))})
}

// granted is tree.Walk.Granted. It flushes first: the receiver cannot answer before it has
// the OFFER, which may still wait for the first ENTRY.
func (a *announcer) granted(ctx context.Context) (tree.Metadata, error) {
	if err := a.batch.flush(ctx); err != nil {
		return tree.Metadata{}, err
	}
	if err := a.out.Flush(); err != nil {
		return tree.Metadata{}, failure.Link("sending the offer", err)
	}
	defer a.track.OffDisk()() // the walk is not at its disk now
	if err := a.terms.wait(ctx); err != nil {
		return tree.Metadata{}, err
	}
	return a.terms.granted(), nil
}

// add announces an entry, or the end of a folder.
func (a *announcer) add(ctx context.Context, e *entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if a.ends != nil {
		return a.ends
	}
	it := e.item
	a.encode(it)
	e.at = path.Join(a.folders.path(it.Parent), it.Name)
	if it.Kind == tree.Root {
		e.at = "."
	}
	if it.Kind == tree.FolderEnd {
		a.folders.end(it.ID)
		return a.batch.append(ctx, a.last+1, a.record)
	}
	e.cost = a.window.cost(len(a.record))
	if err := a.reserve(ctx, e.cost); err != nil {
		return err
	}
	if it.Kind == tree.Folder || it.Kind == tree.Root {
		a.folders.begin(it.ID, openFolder{e.at, e.cost})
	}
	content := int64(0)
	if it.Kind == tree.File {
		a.files++
		content = it.Size
	}
	next := a.last + 1
	a.last = it.ID
	if a.opt.Reading != nil {
		a.bundles.add(e)
	}
	a.book.announce(e)
	return a.batch.add(ctx, next, a.record, content)
}

// reserve waits for room for one more entry of that cost. It sends what was gathered before
// it waits: verdicts on that are what makes room.
func (a *announcer) reserve(ctx context.Context, cost int64) error {
	if a.window.try(cost) {
		return nil
	}
	if err := a.batch.flush(ctx); err != nil {
		return err
	}
	defer a.track.OffDisk()() // the walk is not at its disk now
	return a.window.take(cost)
}

// errDeepAttributes: the records of the folders above take up the window.
var errDeepAttributes = errors.New("too many extended attributes in the folders above it")

// encode makes the record of an item. A folder is in flight until it ends, so the folders
// on one path must leave room for what is in them. A folder that does not leave any loses
// its attributes.
func (a *announcer) encode(it *tree.Item) {
	w := wire.FromItem(it, a.terms.granted())
	a.record = w.Append(a.record[:0])
	folder := it.Kind == tree.Folder || it.Kind == tree.Root
	if folder && w.Ext != nil && len(w.Ext.Xattrs) > 0 && a.folders.cost+int64(len(a.record)) > a.window.most.Load()/2 {
		w.Ext.Xattrs, w.Ext.Missing, w.Ext.Names = nil, true, nil
		a.record = w.Append(a.record[:0])
		a.track.Lost(it.Display, []tree.Loss{{What: tree.AttrXattrs, Err: errDeepAttributes}})
	}
}
