package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/send"
)

// One offer for several receivers:
//
//  1. accept   sequential   takes links, one after another                         accept
//  2. places   sequential   gives each a place: a new one, or one that was lost    crowd_place.go
//  3. serve    one a place  a whole delivery of its own; chunks are read once      serve
//  4. end      sequential   a receipt fills the place for good; else it may come again
//
// It is over when all places have their receipt, or nobody is left to wait for.

// crowd is the deliveries of one offer. The goroutine of run owns all but what others
// say of themselves through its channels.
type crowd struct {
	ctx     context.Context
	env     *Env
	sending *sending
	args    receiversArgs
	show    *crowdShow
	next    func(context.Context) (*link.Link, error)
	way     func(*link.Link) string // which way a link goes now
	reading *send.Reading

	places  []*seat
	running int
	came    chan arrival
	ended   chan ending
	waits   chan *seat    // has its receipt, and waits in mayRemove
	closed  error         // why nobody comes any more
	late    bool          // the time to come is over
	removes chan struct{} // closed when sources may go: all have their receipts
	keeps   chan struct{} // closed when they stay
	rates   map[*seat]*transfer.Limit
	began   time.Time
	wg      sync.WaitGroup
}

// arrival is a link of one more receiver, or why none comes any more.
type arrival struct {
	link *link.Link
	err  error
}

// ending is how the delivery to one receiver ended.
type ending struct {
	place  *seat
	link   *link.Link
	result transfer.Result
	err    error
}

func newCrowd(ctx context.Context, env *Env, s *sending, show *crowdShow, conn *connection) *crowd {
	return &crowd{
		ctx: ctx, env: env, sending: s, args: s.receivers, show: show, next: conn.another, way: conn.meeting.PathOf, reading: send.NewReading(sharedBytes),
		came: make(chan arrival), ended: make(chan ending), waits: make(chan *seat), removes: make(chan struct{}), keeps: make(chan struct{}), rates: make(map[*seat]*transfer.Limit),
	}
}

// run serves all receivers, the first over its link, and shows how it ended.
func (c *crowd) run(began time.Time, first *link.Link) error {
	c.began = began
	accepting, stop := context.WithCancel(c.ctx)
	defer c.wg.Wait()
	defer stop()
	c.wg.Go(func() { c.accept(accepting) })
	c.arrive(first)
	shut := make(<-chan time.Time)
	if limit := c.limit(); limit > 0 {
		timer := time.NewTimer(max(0, limit-time.Since(c.began)))
		defer timer.Stop()
		shut = timer.C
	}
	rate, changed := c.watch()
	for !c.over() {
		c.decide()
		again := time.NewTimer(c.patience())
		select {
		case a := <-c.came:
			if a.err != nil {
				c.closed = a.err
			} else {
				c.arrive(a.link)
			}
		case e := <-c.ended:
			c.end(e)
		case p := <-c.waits:
			c.hold(p)
		case <-shut:
			c.late = true
		case <-changed:
			rate, changed = c.watch()
		case <-again.C:
		}
		again.Stop()
		c.share(rate)
	}
	return c.finish()
}

// limit is how long receivers may come; 0 is no limit.
func (c *crowd) limit() time.Duration {
	if c.args.until > 0 {
		return c.args.until
	}
	return c.sending.pair.wait
}

// watch returns the limit of the rate, 0 for none, and what is closed when it changes.
func (c *crowd) watch() (rate int64, changed <-chan struct{}) {
	if c.sending.throttle.limit == nil {
		return 0, nil
	}
	return c.sending.throttle.limit.Watch()
}

// accept takes links until ctx ends or none can come any more.
func (c *crowd) accept(ctx context.Context) {
	for {
		l, err := c.next(ctx)
		select {
		case c.came <- arrival{l, err}:
		case <-ctx.Done():
			if err == nil {
				turnAway(l)
			}
			return
		}
		if err != nil {
			return
		}
	}
}

// errSpent tells a receiver that comes when all places are taken.
var errSpent = errors.New("all receivers that were expected are there")

// turnAway ends a link that has no place.
func turnAway(l *link.Link) {
	l.Abort(errSpent)
	_ = l.Close()
}

// over reports that nobody is served any more, and nobody is waited for.
func (c *crowd) over() bool {
	switch {
	case c.running > 0:
		return false
	case c.ctx.Err() != nil, c.closed != nil:
		return true
	}
	now := time.Now()
	for _, p := range c.places {
		if !p.done && now.Before(p.until) {
			return false
		}
	}
	return c.late || len(c.places) == c.args.most
}

// patience is how long it takes until the next receiver that failed is not waited for any
// more.
func (c *crowd) patience() time.Duration {
	wait := time.Hour
	for _, p := range c.places {
		if left := time.Until(p.until); !p.done && p.link == nil && left > 0 {
			wait = min(wait, left)
		}
	}
	return wait
}

// share divides the limit of the rate among those that are served.
func (c *crowd) share(rate int64) {
	for _, l := range c.rates {
		part := rate / int64(len(c.rates))
		if rate > 0 {
			part = max(part, transfer.MinRate)
		}
		_ = l.Set(part) // it is in the range
	}
}

// decide says whether the sources may go: only once all others have their receipts, and
// everything. The delivery in the first place waits for it.
func (c *crowd) decide() {
	first := c.places[0]
	if c.decided() || first.link == nil || !c.settled() {
		return
	}
	whole := len(c.places) == c.args.most || !c.args.all
	for _, p := range c.places[1:] {
		whole = whole && p.done && p.exit == exitOK
	}
	if whole {
		close(c.removes)
	} else {
		close(c.keeps)
	}
}

func (c *crowd) decided() bool {
	select {
	case <-c.removes:
	case <-c.keeps:
	default:
		return false
	}
	return true
}

// settled reports that all but the first place are as they will stay.
func (c *crowd) settled() bool {
	if c.ctx.Err() != nil || c.closed != nil && c.running == 1 {
		return true
	}
	for _, p := range c.places[1:] {
		if p.link != nil || !p.done && time.Now().Before(p.until) {
			return false
		}
	}
	return c.late || len(c.places) == c.args.most
}

// errOthers: not all receivers have everything.
var errOthers = errors.New("not every receiver has everything")

// hold keeps the place of a receiver that has its receipt while the sources wait for the
// others. Who was taken for the same one, started again, is another.
func (c *crowd) hold(p *seat) {
	p.held = true
	if next := p.after; next != nil {
		p.after = nil
		c.arrive(next)
	}
}

// mayRemove waits until it is known whether the sources may go. Its delivery is that in
// place p, and has its receipt.
func (c *crowd) mayRemove(ctx context.Context, p *seat) error {
	select {
	case c.waits <- p:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-c.removes:
		return nil
	case <-c.keeps:
		return errOthers
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish shows how all of it ended. The exit code is that of the first receiver without
// everything.
func (c *crowd) finish() error {
	o := outcome{began: true, crowd: &crowdCount{of: len(c.places)}, exit: exitOK}
	if c.args.all {
		o.crowd.of = c.args.most
	}
	o.result.Durable, o.result.Acknowledged = true, true
	for i, p := range c.places {
		if o.result = merged(o.result, p.result); i == 0 {
			o.result.Store = p.result.Store
		}
		o.crowd.mixed = o.crowd.mixed || p.result.Store != o.result.Store
		if p.done {
			o.crowd.receipts++
		}
		if p.exit != exitOK && o.exit == exitOK {
			o.exit, o.crowd.word = p.exit, p.word
		}
	}
	o.result.Elapsed = time.Since(c.began)
	missing := o.crowd.of - len(c.places)
	if missing > 0 {
		o.result.Acknowledged = false
	}
	c.explain(&o, missing)
	return o.shown(c.show.renderer)
}

// explain fills in why not all have everything, and what to do.
func (c *crowd) explain(o *outcome, missing int) {
	line := command(c.env.Args...)
	var sig signalError
	switch {
	case errors.As(context.Cause(c.ctx), &sig):
		o.exit, o.err = sig.exit(), sig
		o.hint = alone("to continue, run again, with the same code: "+c.show.setting()+line, c.show.setting()+line)
	case o.exit != exitOK:
		o.err = fmt.Errorf("not every receiver has everything: %s", o.crowd.text())
		o.hint = alone("for the others, run again, with the same code: "+c.show.setting()+line, c.show.setting()+line)
	case missing > 0 && c.closed != nil:
		o.exit, o.err = exitOf(c.ctx, c.closed, o.result, &tally{}), c.closed
	case missing > 0:
		o.exit, o.crowd.word = exitConnection, "no-connection"
		o.err = fmt.Errorf("%d of %d receivers did not come", missing, o.crowd.of)
		o.hint = alone("for them, run again: "+line, line)
	}
}

// merged adds what one receiver has to what all have.
func merged(all, one transfer.Result) transfer.Result {
	for _, n := range []struct {
		to  *int64
		add int64
	}{
		{&all.Delivered, one.Delivered}, {&all.Replaced, one.Replaced}, {&all.Same, one.Same}, {&all.Adjusted, one.Adjusted},
		{&all.Skipped, one.Skipped}, {&all.Escaped, one.Escaped}, {&all.Removed, one.Removed}, {&all.Stayed, one.Stayed}, {&all.Failed, one.Failed},
		{&all.Files, one.Files}, {&all.Bytes, one.Bytes}, {&all.Moved, one.Moved}, {&all.Wire, one.Wire}, {&all.Resent, one.Resent}, {&all.Reused, one.Reused},
	} {
		*n.to += n.add
	}
	all.Excluded, all.Streams = max(all.Excluded, one.Excluded), max(all.Streams, one.Streams)
	all.Durable, all.Acknowledged = all.Durable && one.Durable, all.Acknowledged && one.Acknowledged
	return all
}

// crowdCount is how many receivers have their receipt.
type crowdCount struct {
	receipts, of int
	mixed        bool   // not all of them keep it in one place
	word         string // why not all, for programs; "" if the error says it
}

func (c *crowdCount) text() string {
	if c.of == 1 {
		return fmt.Sprintf("%d of 1 receiver has its receipt", c.receipts)
	}
	return fmt.Sprintf("%d of %d receivers have their receipt", c.receipts, c.of)
}
