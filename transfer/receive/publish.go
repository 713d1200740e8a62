package receive

import (
	"context"

	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
)

// publisher gathers complete files and has them synced and named together. While one
// batch is synced the next gathers. One goroutine runs it.
type publisher struct {
	ready  *flow.Queue[*attempt]
	ledger *ledger
	settle *settler
	site   *site
	track  *progress.Tracker
	backup *transfer.Backup // nil: none
}

// run publishes until all entries are settled.
func (p *publisher) run(ctx context.Context) error {
	for {
		first, ok, err := p.ready.Take(ctx)
		if err != nil || !ok {
			return err
		}
		batch, err := p.gather(ctx, first)
		if err != nil {
			return err
		}
		if err := p.publish(batch); err != nil {
			return err
		}
		if err := p.settle.verdicts.flush(); err != nil {
			return err
		}
	}
}

// gather takes what is ready, and waits a little for more unless nothing more
// can come.
func (p *publisher) gather(ctx context.Context, first *attempt) ([]*attempt, error) {
	batch, size := []*attempt{first}, first.sum.size
	due, cancel := context.WithTimeout(ctx, publishDelay)
	defer cancel()
	for len(batch) < publishFiles && size < publishBytes {
		a, ok, _ := p.ready.Try()
		if !ok {
			if p.ledger.allReady(len(batch)) {
				break
			}
			var err error
			if a, ok, err = p.ready.Take(due); err != nil || !ok {
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				break
			}
		}
		batch, size = append(batch, a), size+a.sum.size
	}
	return batch, nil
}

// publish publishes a batch and settles its entries.
func (p *publisher) publish(batch []*attempt) error {
	batch, err := p.backUp(batch)
	if err != nil {
		return err
	}
	pubs, all := make([]*storage.Publication, len(batch)), make([]storage.Publication, len(batch))
	for i, a := range batch {
		c := &a.of.choice
		pubs[i] = &all[i]
		all[i] = storage.Publication{Partial: a.part.peek(), Entry: a.item, Replace: c.replace != nil, Expect: c.replace, Rename: c.rename}
	}
	done := p.track.AtDisk()
	err = p.site.Files.Publish(pubs)
	done()
	if err != nil {
		return failure.DestinationEnds("publishing", "", err)
	}
	for i, a := range batch {
		if err := p.published(a, pubs[i]); err != nil {
			return err
		}
	}
	return nil
}

// published settles the entry of a file that has its name, or has not.
func (p *publisher) published(a *attempt, pub *storage.Publication) error {
	if pub.Err != nil {
		return p.settle.failAttempt(a, "publishing", pub.Err)
	}
	a.part.published()
	p.settle.lost(a.of, pub.Lost)
	o := outcome{status: transfer.StatusDelivered, name: pub.Name}
	switch {
	case pub.Name != "":
		o.status = transfer.StatusRenamed
	case pub.Replace:
		o.status = transfer.StatusReplaced
	}
	return p.settle.done(a.of, o)
}
