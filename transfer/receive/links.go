package receive

import (
	"sync"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// links has the entries to which hard links may come, until they and all links to them are
// settled. A link waits for its target, and a target waits for nothing, so the targets go
// on even if links fill the entry window. framing.MaxOpenLinks bounds the targets, and the
// entry window bounds the links that wait.
type links struct {
	mu      sync.Mutex             // guards what follows, and all linkTargets; under it nothing else is taken
	targets map[uint64]*linkTarget // by the id of the entry
	open    int                    // those of which the last link was not announced
}

// linkRole is what an entry has to do with hard links: others may come to it, or it is
// one. It is set before the entry is planned.
type linkRole struct {
	own *linkTarget // of the entry, if hard links may come to it
	to  *linkTarget // of what the entry, a hard link, is a further name of
}

// linkTarget is an entry to which hard links come.
type linkTarget struct {
	kind    tree.Kind
	climbs  int     // of a symbolic link: see gate.leadsOut
	place   tarLink // in an archive; of the goroutine that writes it
	settled bool
	failed  *transfer.Error // why it was not delivered
	skipped framing.Code    // why it was left alone
	last    bool            // no more links to it will be announced
	pending int             // links admitted and not settled
	waiting []*entry        // those of them that wait for the verdict on it
}

func newLinks() *links { return &links{targets: make(map[uint64]*linkTarget)} }

// admit notes an entry that hard links may come to, or finds the one that a hard link is
// to. It is called once for each entry, before anything settles it.
func (l *links) admit(e *entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := e.item
	if t.Kind != tree.HardLink {
		if !t.Linked {
			return nil
		}
		if l.open++; l.open > framing.MaxOpenLinks {
			return failure.Violation("more than %d items with several names", framing.MaxOpenLinks)
		}
		e.link.own = &linkTarget{kind: t.Kind, climbs: tree.TargetClimbs(t.Target)}
		l.targets[t.ID] = e.link.own
		return nil
	}
	to := l.targets[t.LinkTo]
	if to == nil || to.last {
		return failure.Violation("entry %d is a hard link to entry %d, to which none was to come", t.ID, t.LinkTo)
	}
	e.link.to = to
	to.pending++
	if !t.Linked {
		to.last = true
		l.open--
	}
	return nil
}

// waits tells whether e, a hard link, is to wait for its target; then it is among those
// that settled returns.
func (l *links) waits(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := e.link.to
	if !to.settled {
		to.waiting = append(to.waiting, e)
	}
	return !to.settled
}

// verdict is how the target of a hard link ended, which is settled.
func (l *links) verdict(e *entry) (failed *transfer.Error, skipped framing.Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.link.to.failed, e.link.to.skipped
}

// settled takes the verdict on e, to which hard links may come: failed is why it was not
// delivered, and nil if it stands there. It returns the links that waited for it, and
// e's id if nothing refers to it any more, else 0.
func (l *links) settled(e *entry, failed *transfer.Error, skipped framing.Code) (waited []*entry, retired uint64) {
	to := e.link.own
	if to == nil {
		return nil, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	to.settled, to.failed, to.skipped = true, failed, skipped
	waited, to.waiting = to.waiting, nil
	return waited, l.retire(e.id, to)
}

// linked says that a hard link is settled. It returns its target's id if nothing refers
// to that any more, else 0.
func (l *links) linked(e *entry) (retired uint64) {
	to := e.link.to
	if to == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	to.pending--
	return l.retire(e.item.LinkTo, to)
}

// retire forgets a target that nothing refers to any more. Callers hold mu.
func (l *links) retire(id uint64, to *linkTarget) uint64 {
	if !to.settled || !to.last || to.pending > 0 {
		return 0
	}
	delete(l.targets, id)
	return id
}
