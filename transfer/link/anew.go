package link

import (
	"context"
	"errors"
	"net"
	"time"

	"ferry/framing"
)

// Whoever answers a lost link may say that it does not know the session. That is believed
// of the other side only, and anybody can say it:
//
//  1. The listener that proved the code says it, known by its key in TLS: its link is over.
//  2. Another one says it, as after a restart. It is asked to prove the code, on a new
//     connection, which costs a guess at most. The link that comes of it is for
//     Config.Anew: the next delivery's.
//  3. Who does not prove the code is a stranger, and the link is dialled on.
//
// With keys, any process that has the listener's key may answer in step 2: behind a balancer
// each connection can be another's. So it may be the one that has the link, too. A code is
// asked of the one that declined only, since each who is asked costs a guess.

// mostStrangers bounds the instances that are known not to have the code.
const mostStrangers = 64

// declines tells whether err is the answer of a side that does not know the session.
func declines(err error) bool {
	var le *Error
	return errors.As(err, &le) && le.Remote && le.Code == framing.CodeDeclined
}

// begunAnew tells whether it was the other side that declined the session on last, where
// instance answered.
func (r *redialler) begunAnew(ctx context.Context, last net.Conn, instance [8]byte) bool {
	if instance == r.instance {
		return true
	}
	if r.strangers[instance] {
		return false
	}
	d := newDialler(r.way, r.link.cfg)
	d.cfg.Check = func(_ net.Conn, answers [8]byte) error {
		if answers != instance && d.cfg.Keys == nil {
			return errOther
		}
		instance = answers
		return nil
	}
	if d.guesses.Rest(ctx) != nil || d.guesses.Burnt() != nil {
		return false
	}
	began := time.Now()
	conn, err := r.connect(ctx, Want{Addr: r.addr, Purpose: framing.PurposeNew, Last: last})
	if err != nil {
		return false
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	next, confirmed, err := d.prove(ctx, conn, time.Since(began))
	if !stop() && err == nil {
		next.Abort(ctx.Err())
		_ = next.Close()
		return false
	}
	if err != nil {
		_ = conn.Close()
		if confirmed || d.keys.step == keyOver {
			r.rulesOut(instance)
		}
		return false
	}
	if r.link.cfg.Anew == nil {
		_ = next.Close()
		return true
	}
	r.link.cfg.notify(Event{Kind: EventConnected, Link: next, Addr: next.address(), Attempts: 1})
	r.link.cfg.Anew(next)
	return true
}

// rulesOut remembers a stranger.
func (r *redialler) rulesOut(instance [8]byte) {
	if len(r.strangers) >= mostStrangers || r.strangers == nil {
		r.strangers = make(map[[8]byte]bool)
	}
	r.strangers[instance] = true
}
