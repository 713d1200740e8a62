package receive

import (
	"errors"
	"io/fs"
	"path"

	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
)

// nameBackup chooses the name that what e replaces is kept under. Beside it, that is none
// that another item of this delivery has: then the suffix is added again. An item of that
// name that comes later waits until e is settled, and finds the backup there. wait says
// that e waits for one that came before, and is planned again.
func (p *planner) nameBackup(e *entry) (wait bool, err error) {
	if p.backup == nil {
		return false, nil
	}
	name := e.name
	for {
		name += p.backup.Suffix
		if p.backup.Folder != "" {
			break
		}
		taken, wait, err := p.twins.taken(e, name)
		if err != nil {
			return false, failure.Destination("looking up", e.path(), err)
		}
		if wait {
			return true, nil
		}
		if !taken {
			p.twins.claim(e, name)
			break
		}
	}
	e.choice.backup = name
	if p.site.dry {
		p.track.BackedUp(e.path(), backupPlace(p.backup, e))
	}
	return false, nil
}

// backupPlace is where the backup of what e replaces stands, as it is told of.
func backupPlace(b *transfer.Backup, e *entry) string {
	return path.Join(b.Folder, path.Dir(e.path()), e.choice.backup)
}

// keepBackup keeps what e is about to replace.
func keepBackup(s *site, t *progress.Tracker, b *transfer.Backup, e *entry) error {
	if b == nil || e.choice.backup == "" || s.dry {
		return nil
	}
	now, err := s.Backups.Keep(e.item, e.choice.backup, e.choice.replace)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // somebody took it away, and there is nothing to lose
	case err == nil:
		t.BackedUp(e.path(), backupPlace(b, e))
		if e.choice.replace != nil {
			e.choice.replace = &now
		}
	}
	return err
}

// backUp keeps what the files of a batch are about to replace, and returns the files that
// may go on.
func (p *publisher) backUp(batch []*attempt) ([]*attempt, error) {
	if p.backup == nil {
		return batch, nil
	}
	kept := batch[:0]
	for _, a := range batch {
		if err := keepBackup(p.site, p.track, p.backup, a.of); err != nil {
			if err := p.settle.failAttempt(a, "keeping a backup", err); err != nil {
				return nil, err
			}
			continue
		}
		kept = append(kept, a)
	}
	return kept, nil
}
