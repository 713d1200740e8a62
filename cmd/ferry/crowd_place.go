package main

import (
	"context"
	"errors"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/send"
)

// seat is the place of one of the receivers that are expected. Its number is from 1 on, in the order in
// which they came. A receiver that comes again takes the place that it had, or another one
// that is free: they all have the same code, and are told apart by their address only.
type seat struct {
	number int
	host   string
	link   *link.Link // nil: nobody is served there now
	after  *link.Link // who takes the place once the delivery over link has ended
	d      *delivery
	held   bool // it has its receipt, and its delivery waits until the sources may go
	done   bool // it has its receipt, and its delivery has ended
	result transfer.Result
	exit   int
	word   string
	until  time.Time // it may come again until then
}

// lost reports a place whose receiver is away: it may have been started again.
func (p *seat) lost() bool {
	if p.link == nil || p.after != nil || p.held {
		return false
	}
	select {
	case <-p.link.Done():
		return true
	default:
	}
	_, _, lost := p.link.Lost()
	return lost
}

// arrive gives one more receiver its place, or turns it away.
func (c *crowd) arrive(l *link.Link) {
	addr, _, _ := l.Peer()
	host := hostOf(addr)
	if p := c.find(func(p *seat) bool { return p.lost() && p.host == host }); p != nil {
		c.succeed(p, l)
	} else if p := c.find(func(p *seat) bool { return p.vacant() && p.host == host }); p != nil {
		c.begin(p, l, host)
	} else if len(c.places) < c.args.most && !c.late {
		p := &seat{number: len(c.places) + 1}
		c.places = append(c.places, p)
		c.begin(p, l, host)
	} else if p := c.find((*seat).vacant); p != nil {
		c.begin(p, l, host)
	} else if p := c.find((*seat).lost); p != nil {
		c.succeed(p, l)
	} else {
		turnAway(l)
	}
}

func (c *crowd) find(which func(*seat) bool) *seat {
	for _, p := range c.places {
		if which(p) {
			return p
		}
	}
	return nil
}

// vacant reports a place whose receiver has no receipt, and is gone.
func (p *seat) vacant() bool { return p.link == nil && !p.done }

// succeed ends the delivery of a receiver that was started again.
func (c *crowd) succeed(p *seat, l *link.Link) {
	p.after = l
	p.link.Abort(&link.Error{Code: framing.CodeLost, Op: "join", Err: link.ErrBegunAnew})
}

// begin serves a receiver in its place.
func (c *crowd) begin(p *seat, l *link.Link, host string) {
	p.link, p.host, p.exit, p.word = l, host, exitOK, ""
	view := c.show.place(p.number, host, c.args)
	p.d = &delivery{ctx: c.ctx, env: c.env, render: view, text: c.sending.options.Text != "", strict: c.sending.strict, rules: c.sending.rules}
	p.d.way = func() string { return c.way(l) }
	o := c.sending.options
	o.Observer, o.Reading = p.d, c.reading
	if o.Remove != nil && p.number == 1 {
		removal := *o.Remove
		removal.Wait = func(ctx context.Context) error { return c.mayRemove(ctx, p) }
		o.Remove = &removal
	} else {
		o.Remove = nil
	}
	if o.Limit != nil {
		own, err := transfer.NewLimit(0)
		if err == nil {
			o.Limit, c.rates[p] = own, own
		}
	}
	c.running++
	view.linked(l)
	c.wg.Go(func() { c.serve(p, l, o) })
}

// serve is one delivery, from the offer to the receipt.
func (c *crowd) serve(p *seat, l *link.Link, o send.Options) {
	result, err := send.Send(c.ctx, l, o)
	c.ended <- ending{p, l, result, err}
}

// end takes how the delivery to one receiver ended.
func (c *crowd) end(e ending) {
	p := e.place
	c.running--
	delete(c.rates, p)
	p.link = nil
	if next := p.after; next != nil && !e.result.Acknowledged && c.ctx.Err() == nil {
		p.after = nil
		addr, _, _ := next.Peer()
		c.begin(p, next, hostOf(addr))
		return
	} else if next != nil {
		p.after = nil
		defer c.arrive(next)
	}
	if errors.Is(e.err, link.ErrBegunAnew) && c.ctx.Err() == nil {
		p.until = time.Now().Add(c.sending.pair.retry) // who took it is about to arrive
		c.show.vacated(p.number)
		return
	}
	lost := len(c.sending.list.missing)
	err := p.d.finish(e.result, e.err, lost)
	p.result, p.done = e.result, e.result.Acknowledged
	p.result.Failed += int64(lost)
	p.exit, p.word = exitOf(c.ctx, err, e.result, &p.d.tally), p.d.render.(*crowdView).word
	switch {
	case p.done, p.exit == exitRefused, p.exit == exitProtocol:
	case lostLink(e.err) != "": // it was waited for
	default:
		p.until = time.Now().Add(c.sending.pair.retry)
	}
}
