package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/dest"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
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
	sources []dest.PruneSource
	send    send.Options
	backup  *transfer.Backup
	unsure  error // a source that could not be opened: nothing may be deleted
}

// ErrTooManyDeletions is returned by Copy, wrapped, when Delete.Max is not enough.
var ErrTooManyDeletions = dest.ErrTooMany

// ErrEmptySource is returned by Copy, wrapped, when something would have to be deleted
// for a source folder with nothing in it to copy, and Delete.All is not set.
var ErrEmptySource = dest.ErrEmptySource

// newDeletion looks at the sources. One that cannot be opened most likely fails
// in the delivery too.
func newDeletion(s send.Options, d Delete, backup *transfer.Backup) (*deletion, error) {
	if s.Select.List != nil {
		return nil, &transfer.Error{Op: "deleting:", Code: framing.CodeUnsupported, Err: errors.New("of a list of paths, what the source has beside them is not known")}
	}
	del := &deletion{Delete: d, dirs: tree.NewDirs(flow.MayOpen(flow.OpenFolders, 8)), send: s, backup: backup}
	for _, src := range s.Sources {
		p := dest.PruneSource{Path: src.Path, Name: src.Name}
		if src.Contents {
			p.Name = ""
		}
		if src.Reader == nil {
			folder, err := wholeFolder(src.Source, s.Follow)
			if err == nil && folder {
				if p.Dir, err = del.dirs.Open(src.Path); err == nil {
					p.Before, err = p.Dir.Stat()
				}
			}
			if err != nil && del.unsure == nil {
				del.unsure = failure.Source("looking for", src.Path, err)
			}
		}
		del.sources = append(del.sources, p)
	}
	return del, nil
}

// wholeFolder tells whether a source is a folder, and not a link that is sent
// as one.
func wholeFolder(src tree.Source, follow bool) (bool, error) {
	look := os.Lstat
	if follow || src.Contents {
		look = os.Stat
	}
	info, err := look(src.Path)
	return err == nil && info.IsDir(), err
}

// prune is what the destination is asked for.
func (d *deletion) prune() *dest.Prune {
	return &dest.Prune{Sources: d.sources, Select: d.send.Select, Follow: d.send.Follow, Devices: d.send.Metadata.Devices, Max: d.Max, All: d.All, Keep: d.keeps}
}

// keeps tells whether a path of the destination stays, whatever the sources have.
func (d *deletion) keeps(at string) bool {
	if b := d.backup; b != nil && b.Folder != "" && (strings.HasPrefix(at, b.Folder+"/") || strings.HasPrefix(b.Folder+"/", at+"/")) {
		return true // the folder for backups, what is in it, and what it is in
	}
	return d.Keep != nil && d.Keep(at)
}

// makeWay lets what is delivered take the place of items of another kind: what is
// in the way is what the source has not, and goes with the rest.
func (d *deletion) makeWay(dst storage.Destination, policy transfer.ConflictPolicy) {
	if c, ok := dst.(pruner); ok && d != nil && d.unsure == nil && d.backup == nil && policy == transfer.ConflictOverwrite {
		c.MakeWay(d.prune())
	}
}

// tellKept names what was moved out of the way and not deleted.
func (d *deletion) tellKept(dst storage.Destination) {
	keeper, ok := dst.(pruner)
	if !ok || d == nil || d.send.Observer == nil {
		return
	}
	for path, stood := range keeper.Asides() {
		d.send.Observer.Observe(transfer.Notice{Path: path, Err: fmt.Errorf("was %s: %w", stood, failure.ErrAside)})
	}
}

// run deletes after a delivery that succeeded, and counts in result.
func (d *deletion) run(ctx context.Context, dst storage.Destination, result *transfer.Result) error {
	if d.unsure != nil {
		return d.unsure
	}
	p, ok := dst.(pruner)
	if !ok {
		return &transfer.Error{Op: "deleting:", Code: framing.CodeUnsupported, Err: errors.New("this destination does not know how")}
	}
	t := progress.Resume(d.send.Observer, *result)
	before := *result
	t.Enter(transfer.PhaseDeleting)
	what := d.prune()
	what.Removed = t.Deleted
	what.Failed = func(path string, err error) { t.Failed(deletionError(path, err)) }
	what.Left = func(path string) { t.Tell(transfer.Notice{Path: path, Err: errLeft}) }
	if b := d.backup; b != nil {
		what.Backup = &dest.PruneBackup{Suffix: b.Suffix, Apart: b.Folder != "", Kept: func(at, as string) {
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
	switch {
	case errors.Is(err, dest.ErrTooMany):
		// A rehearsal names what it comes to before it knows how many there are.
		result.Deleted, result.Backups = before.Deleted, before.Backups
		return fmt.Errorf("%w, so none is", err)
	case errors.Is(err, dest.ErrEmptySource):
		result.Deleted, result.Backups = before.Deleted, before.Backups
		return err
	case err != nil:
		return failure.DestinationEnds("deleting", dst.Place(), err)
	case result.Failed > 0:
		return &NotDeletedError{Items: result.Failed, DryRun: result.DryRun}
	}
	return nil
}

// NotDeletedError is ErrIncomplete of a Copy that delivered everything and could
// not delete all that it was to.
type NotDeletedError struct {
	Items  int64
	DryRun bool
}

func (e *NotDeletedError) Error() string {
	what, verb := "items", "were not"
	if e.Items == 1 {
		what, verb = "item", "was not"
	}
	if e.DryRun {
		verb = "would not be"
	}
	return fmt.Sprintf("%d %s %s deleted", e.Items, what, verb)
}

func (e *NotDeletedError) Unwrap() error { return transfer.ErrIncomplete }

// deletionError classifies what keeps an item from being deleted.
func deletionError(path string, err error) *transfer.Error {
	failed := failure.Destination("deleting", path, err)
	switch {
	case errors.Is(err, dest.ErrSourceChanged):
		failed.Code = framing.CodeChanged
	case errors.Is(err, dest.ErrMounted):
		failed.Code = framing.CodeUnsupported
	}
	return failed
}

// errLeft is told of a folder that the source has not.
var errLeft = errors.New("not deleted, since something in it is to stay")

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
type Delete struct {
	// Max is how many items may be removed, a folder and all in it counted one by
	// one. If there are more, none is.
	Max int64
	// All deletes for a source folder with nothing in it too, see ErrEmptySource.
	All bool
	// Keep names paths relative to the destination that stay in any case. May be
	// nil.
	Keep func(path string) bool
}
