package object

import (
	"errors"

	"ferry/transfer/storage"
)

// maxParting bounds the parts of all files that are on their way at a time. The budget mostly
// does before.
const maxParting = 16

// send sends a piece that is gone to the store, in a goroutine of its own.
func (p *partial) send(pc *piece) {
	if pc.buf != nil {
		p.f.budget.move(pc.cost)
	}
	p.moving.Add(1)
	p.f.s.work.Go(func() {
		defer p.moving.Done()
		err := p.part(pc)
		if err != nil {
			_ = p.broke("uploading", err) // it is told by what comes next
		}
		p.mu.Lock()
		buf := pc.buf
		pc.buf = nil
		if p.pieces[pc.number] == pc {
			delete(p.pieces, pc.number)
		}
		p.mu.Unlock()
		close(pc.left)
		if buf != nil {
			p.f.budget.give(buf, pc.cost, true)
		}
		p.clear(p.f.s.ctx, pc)
	})
}

// part is the request for it.
func (p *partial) part(pc *piece) error {
	select {
	case p.f.parting <- struct{}{}:
		defer func() { <-p.f.parting }()
	case <-p.f.s.ctx.Done():
		return p.f.s.ctx.Err()
	}
	if pc.buf == nil || len(pc.aside) > 0 {
		if err := p.fetch(p.f.s.ctx, pc); err != nil {
			return err
		}
	}
	cvs := pc.cvs
	if pc.lacks > 0 {
		cvs = nil // the next delivery could not know what it has
	}
	if err := p.f.s.ctx.Err(); err != nil {
		return err
	}
	ctx, done := p.f.s.graceful()
	defer done()
	return p.up.send(ctx, pc.number, pc.buf, cvs)
}

// Discard is storage.Partial's. What the store has acknowledged is kept whatever failed after
// it, unless it is not what it was taken for.
func (p *partial) Discard(keep bool) error {
	p.lockQuiet()
	over := p.ended
	p.ended = true
	p.mu.Unlock()
	if over {
		return nil
	}
	p.f.work.remove(p)
	p.moving.Wait()
	p.free()
	if p.up == nil {
		return nil
	}
	if e := p.failed.Load(); e != nil && (e.Kind == storage.Mismatch || errors.Is(e, errReplaced) || errors.Is(e, errEnded)) {
		keep = false
	}
	if keep {
		return p.fail("keeping", p.up.leave())
	}
	return p.fail("discarding", p.up.giveUp())
}

// free gives back the memory of what does not go to the store, and what was put aside of it.
func (p *partial) free() {
	p.mu.Lock()
	var aside []*piece
	for number, pc := range p.pieces {
		delete(p.pieces, number)
		if len(pc.aside) > 0 {
			aside = append(aside, pc)
		}
		if pc.buf != nil {
			p.f.budget.give(pc.buf, pc.cost, pc.gone)
			pc.buf = nil
		}
	}
	p.mu.Unlock()
	if len(aside) > 0 {
		ctx, cancel := p.f.s.last()
		defer cancel()
		p.clear(ctx, aside...)
	}
}
