package receive

import (
	"context"
	"errors"
	"path"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/mirror"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// deletion removes from the destination what the sources have not, once everything is
// delivered and nothing failed, and before the receipt. The planner notes which folders
// come; the goroutine close does the rest.
type deletion struct {
	mirror  storage.Mirror
	backup  *transfer.Backup
	asker   *mirror.Asker
	site    *site
	track   *progress.Tracker
	flush   func() error // sends what was told so far
	leave   storage.Prune
	folders map[string]bool // top-level folders that came, by the sender's name; "" is what is in one

	undeleted int64 // items that stay though they should not
	refused   error // why nothing was deleted
	told      bool  // of what made way and stays
}

const (
	// maxTopFolders bounds the folders at the top that a deletion looks into: 16 MiB of names.
	maxTopFolders = 1 << 16
	// deletedBatch is how many deletions are told together.
	deletedBatch = 64
)

var (
	errNoMirror   = errors.New("ferry has to be updated at the sender, which cannot tell what to delete")
	errMirrorName = errors.New("what gets another name here would be deleted the next time")
	errNoPruner   = errors.New("this destination does not know how to delete")
	errManyTop    = errors.New("too many folders at the top to delete in")
)

// newDeletion is what is done about Options.Mirror; nil without it.
func newDeletion(ctx context.Context, r *receiver) (*deletion, error) {
	o := r.opt
	if o.Mirror == nil {
		return nil, nil
	}
	unable := func(code framing.Code, why error) error {
		return &transfer.Error{Op: "deleting:", Code: code, Err: why}
	}
	switch _, caps, _ := r.link.Peer(); {
	case caps&framing.CapMirror == 0:
		return nil, unable(framing.CodeVersion, errNoMirror)
	case o.Output != nil:
		return nil, unable(framing.CodeUnsupported, errNoPruner)
	case o.OnConflict == transfer.ConflictRename:
		return nil, unable(framing.CodeUnsupported, errMirrorName)
	}
	d := &deletion{
		mirror: *o.Mirror, backup: o.Backup, asker: mirror.NewAsker(ctx, r.link.Stream(0), r.track.Worked), site: &r.site, track: r.track,
		flush: r.settle.verdicts.flush, folders: make(map[string]bool),
	}
	apart := ""
	if o.Backup != nil {
		apart = o.Backup.Folder
	}
	d.mirror.Keep = mirror.Keeping(d.mirror.Keep, apart)
	d.leave = storage.Prune{Mirror: d.mirror, Find: func() ([]storage.PruneSource, error) {
		// Only entries of this delivery are asked about: the sender may be believed.
		return d.asker.Sources(func(string) bool { return true })
	}, Own: d.asker.Own}
	return d, nil
}

// enter prepares the destination, which is open.
func (d *deletion) enter(s *site, policy transfer.ConflictPolicy) error {
	switch {
	case d == nil:
		return nil
	case s.Pruner == nil:
		return &transfer.Error{Op: "deleting:", Code: framing.CodeUnsupported, Err: errNoPruner}
	}
	s.Moved = s.Pruner.FindMoved(&d.leave)
	if d.backup == nil && policy == transfer.ConflictOverwrite {
		s.Way = s.Pruner.MakeWay(&d.leave)
	}
	return nil
}

// came notes a folder that stands at the destination.
func (d *deletion) came(e *entry) {
	switch {
	case d == nil || e.parent != nil:
	case e.kind == tree.Root:
		d.folders[""] = true
	case len(d.folders) >= maxTopFolders:
		d.refused = &transfer.Error{Op: "deleting:", Code: framing.CodeUnsupported, Err: errManyTop}
	default:
		d.folders[e.announced()] = true
	}
}

// run deletes, after a delivery that the destination has finished. What it returns ends the
// delivery; that nothing was deleted does not.
func (d *deletion) run(ctx context.Context, report *storage.Report) error {
	if d == nil {
		return nil
	}
	before := d.track.Final()
	if before.Failed > 0 {
		d.tellKept()
		return nil
	}
	d.track.Enter(transfer.PhaseDeleting)
	err := d.refused
	if err == nil {
		err = d.prune(ctx)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if unsynced := d.site.Pruner.Unsynced(); unsynced != nil && report.Unsynced == nil {
		report.Durable, report.Unsynced = false, unsynced
	}
	if err != nil {
		d.refused = failure.Undeleted(d.site.place, err)
		// A rehearsal names what it comes to before it knows how many there are.
		d.track.Deletions(before.Deleted, before.Backups)
		d.track.Remark(failure.Refusal(d.refused))
	}
	d.tellKept()
	return d.flush()
}

func (d *deletion) prune(ctx context.Context) error {
	sources, err := d.asker.Sources(func(name string) bool { return d.folders[name] })
	if err != nil {
		return err
	}
	what := &storage.Prune{Mirror: d.mirror, Sources: sources, Own: d.asker.Own}
	n := 0
	what.Removed = func(path string, info tree.Info) {
		d.track.Deleted(path, info)
		d.track.Worked()
		if n++; n%deletedBatch == 0 {
			_ = d.flush() // if the link is lost, its reader says so
		}
	}
	what.Failed = func(path string, err error) {
		d.undeleted++
		failed := failure.Deleting(path, err)
		d.track.Failed(failed)
		d.track.Remark(framing.Remark{
			Kind: framing.RemarkFailed, Number: framing.FailedDeleting, Code: failed.Code, Path: []byte(path), Text: []byte(failure.Message(failed)),
		})
	}
	what.Left = func(path string) { d.track.Tell(transfer.Notice{Path: path, Err: failure.ErrLeft}) }
	if b := d.backup; b != nil {
		what.Backup = &storage.PruneBackup{Suffix: b.Suffix, Apart: b.Folder != "", Kept: func(at, as string) {
			d.track.BackedUp(at, path.Join(b.Folder, path.Dir(at), as))
		}}
	}
	return d.site.Pruner.Prune(ctx, what)
}

// tellKept names what was moved out of the way and not deleted, once.
func (d *deletion) tellKept() {
	if d == nil || d.told || d.site.Pruner == nil {
		return
	}
	d.told = true
	for path, stood := range d.site.Pruner.Asides() {
		d.track.Tell(transfer.Notice{Path: path, Err: failure.Aside(stood)})
	}
}

// verdict is what the caller is told of a delivery that brought everything.
func (d *deletion) verdict(r *transfer.Result) error {
	switch {
	case d == nil:
		return nil
	case d.refused != nil:
		return d.refused
	case d.undeleted > 0 && d.undeleted == r.Failed:
		return &transfer.NotDeletedError{Items: r.Failed, DryRun: r.DryRun}
	}
	return nil
}

// failed is how many items are in Result.Failed that are no entries.
func (d *deletion) failed() int64 {
	if d == nil {
		return 0
	}
	return d.undeleted
}
