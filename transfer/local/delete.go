package local

import (
	"context"
	"errors"
	"path"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/mirror"
	"ferry/transfer/internal/progress"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// deletion is what Copy does about Options.Delete. The folders to be
// compared with are opened before the delivery, and stay open: a source that is
// taken away meanwhile must not look like an empty one.
type deletion struct {
	Delete
	dirs    *tree.Dirs
	sources []storage.PruneSource
	send    send.Options
	backup  *transfer.Backup
	ran     bool
	unsure  error // a source that could not be opened: nothing may be deleted
}

// ErrTooManyDeletions is returned by Copy, wrapped, when Delete.Max is not enough.
var ErrTooManyDeletions = storage.ErrTooMany

// ErrEmptySource is returned by Copy, wrapped, when something would have to be deleted
// for a source folder with nothing in it to copy, and Delete.All is not set.
var ErrEmptySource = storage.ErrEmptySource

// newDeletion looks at the sources. One that cannot be opened most likely fails
// in the delivery too.
func newDeletion(s send.Options, d Delete, backup *transfer.Backup) (*deletion, error) {
	if s.Select.List != nil {
		return nil, &transfer.Error{Op: "deleting:", Code: framing.CodeUnsupported, Err: errors.New("of a list of paths, what the source has beside them is not known")}
	}
	del := &deletion{Delete: d, dirs: tree.NewDirs(flow.MayOpen(flow.OpenFolders, 8)), send: s, backup: backup}
	rules := &mirror.Rules{Select: s.Select, Follow: s.Follow, Devices: s.Metadata.Devices, DryRun: s.DryRun}
	for _, src := range s.Sources {
		p := storage.PruneSource{Path: src.Path, Name: src.Name}
		if src.Reader == nil {
			var err error
			if p, err = mirror.Open(del.dirs, src.Source, rules); err != nil && del.unsure == nil {
				del.unsure = failure.Source("looking for", src.Path, err)
			}
		}
		del.sources = append(del.sources, p)
	}
	return del, nil
}

// prune is what the destination is asked for.
func (d *deletion) prune() *storage.Prune {
	m, apart := d.Delete, ""
	if d.backup != nil {
		apart = d.backup.Folder
	}
	m.Keep = mirror.Keeping(m.Keep, apart)
	return &storage.Prune{Mirror: m, Sources: d.sources}
}

// makeWay lets what is delivered take the place of items of another kind, and content from
// what was moved: what is in the way, or has another name, is what the source has not, and
// goes with the rest.
func (d *deletion) makeWay(dst storage.Destination, policy transfer.ConflictPolicy) {
	p, ok := dst.(storage.Pruner)
	if !ok || d == nil || d.unsure != nil {
		return
	}
	p.FindMoved(d.prune())
	if d.backup == nil && policy == transfer.ConflictOverwrite {
		p.MakeWay(d.prune())
	}
}

// end deletes, unless that was done or the delivery ended with err, and tells what was kept.
func (d *deletion) end(ctx context.Context, dst storage.Destination, result *transfer.Result, err error) error {
	if err == nil && d != nil && !d.ran {
		err = d.run(ctx, dst, result)
	}
	d.tellKept(dst)
	return err
}

// tellKept names what was moved out of the way and not deleted.
func (d *deletion) tellKept(dst storage.Destination) {
	keeper, ok := dst.(storage.Pruner)
	if !ok || d == nil || d.send.Observer == nil {
		return
	}
	for path, stood := range keeper.Asides() {
		d.send.Observer.Observe(transfer.Notice{Path: path, Err: failure.Aside(stood)})
	}
}

// goFirst has the deletion run before r removes sources: then they are no more what the
// destination is compared with. d and r may be nil.
func (d *deletion) goFirst(r *send.Removal, dst storage.Destination) {
	if d != nil && r != nil {
		r.First = func(ctx context.Context, result *transfer.Result) error { return d.run(ctx, dst, result) }
	}
}

// run deletes after a delivery that succeeded, and counts in result.
func (d *deletion) run(ctx context.Context, dst storage.Destination, result *transfer.Result) error {
	d.ran = true
	if d.unsure != nil {
		return d.unsure
	}
	p, ok := dst.(storage.Pruner)
	if !ok {
		return &transfer.Error{Op: "deleting:", Code: framing.CodeUnsupported, Err: errors.New("this destination does not know how")}
	}
	t := progress.Resume(d.send.Observer, *result)
	before := *result
	t.Enter(transfer.PhaseDeleting)
	what := d.prune()
	what.Removed = t.Deleted
	what.Failed = func(path string, err error) { t.Failed(failure.Deleting(path, err)) }
	what.Left = func(path string) { t.Tell(transfer.Notice{Path: path, Err: failure.ErrLeft}) }
	if b := d.backup; b != nil {
		what.Backup = &storage.PruneBackup{Suffix: b.Suffix, Apart: b.Folder != "", Kept: func(at, as string) {
			t.BackedUp(at, path.Join(b.Folder, path.Dir(at), as))
		}}
	}
	err := p.Prune(ctx, what)
	elapsed := result.Elapsed
	*result = t.Final()
	result.Elapsed += elapsed
	if unsynced := p.Unsynced(); unsynced != nil && result.Unsynced == nil {
		result.Durable, result.Unsynced = false, failure.Unsynced(dst.Place(), unsynced) // of what was removed
	}
	switch err = failure.Undeleted(dst.Place(), err); {
	case errors.Is(err, storage.ErrTooMany), errors.Is(err, storage.ErrEmptySource):
		// A rehearsal names what it comes to before it knows how many there are.
		result.Deleted, result.Backups = before.Deleted, before.Backups
		return err
	case err != nil:
		return err
	case result.Failed > 0:
		return &NotDeletedError{Items: result.Failed, DryRun: result.DryRun}
	}
	return nil
}

// NotDeletedError is transfer.NotDeletedError.
type NotDeletedError = transfer.NotDeletedError

// close lets go of the sources.
func (d *deletion) close() {
	// Only read handles: nothing is lost if one does not close.
	_ = d.dirs.Close()
}

// Delete asks Copy to remove, from the copies of folders that it delivered whole, the items
// that the source folders do not have. It does so once everything is delivered and nothing
// failed, and removes then too what stood in the place of an item of another kind. Items
// that the selection leaves out stay, and so does each item whose name the source has by
// now.
type Delete = storage.Mirror
