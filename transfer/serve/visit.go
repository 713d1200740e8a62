package serve

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
)

// visit is one link and its delivery. Its goroutine owns what has no lock.
type visit struct {
	server *Server
	link   *link.Link
	grant  keys.Grant
	key    []byte // in wire format; nil for a code
	peer   string
	host   string          // of peer, without the port
	limit  *transfer.Limit // this link's share of its key's rate; nil: no limit
	began  time.Time
	watch  *watch
	done   chan struct{} // closed when all of it is over

	// stays: the peer reads from a pipe, and cannot begin anew.
	stays atomic.Bool

	direction Direction
	path      string // for people; "" until it is known

	mu    sync.Mutex // guards what follows
	stop  context.CancelCauseFunc
	why   error // why the server ended it
	ended bool
}

// errOtherLine: the key may come again, and do what it may now.
var errOtherLine = errors.New("this key may do something else now than when it came")

func newVisit(s *Server, l *link.Link) *visit {
	v := &visit{server: s, link: l, began: time.Now(), done: make(chan struct{}), direction: Upload}
	if c, ok := l.Who().(*claim); ok {
		v.grant, v.key = c.grant, c.key
	} else {
		v.grant = s.cfg.ByCode
	}
	if l.Role() == link.Sender {
		v.direction = Download
	}
	v.peer, _, _ = l.Peer()
	v.host = v.peer
	if host, _, err := net.SplitHostPort(v.peer); err == nil {
		v.host = host
	}
	if v.grant.Rate > 0 {
		v.limit, _ = transfer.NewLimit(0) // guests.share sets it
	}
	v.watch = &watch{bytes: s.counts.bytes(v.direction)}
	return v
}

// run serves the link, and tells how that ended.
func (v *visit) run(ctx context.Context) {
	defer close(v.done)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !v.start(stop) || !v.server.guests.enter(v) {
		v.link.Abort(errClosed)
		_ = v.link.Close()
		return
	}
	defer v.server.guests.leave(v)
	v.recheck() // the line may be another since the key was admitted
	for _, o := range v.server.guests.again(v, false) {
		o.end(errAgain)
		select {
		case <-o.done:
		case <-ctx.Done(): // it may be that one which ended this
		}
	}
	var result transfer.Result
	var err error
	if v.direction == Upload {
		result, err = v.upload(ctx)
	} else {
		result, err = v.download(ctx)
	}
	v.server.over(v, result, v.cause(err))
}

// start is false if the visit was ended before it began.
func (v *visit) start(stop context.CancelCauseFunc) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stop = stop
	return !v.ended
}

// end has the visit end without a goodbye: its peer finds the link lost and comes again, if
// it is still there. It does not wait.
func (v *visit) end(why error) {
	v.mu.Lock()
	stop, first := v.stop, !v.ended
	if first {
		v.ended, v.why = true, why
	}
	v.mu.Unlock()
	if !first {
		return
	}
	v.link.Abort(why) // before the delivery can say anything
	if stop != nil {
		stop(why)
	}
}

// dismiss has the visit end, and its peer told why.
func (v *visit) dismiss(why *transfer.Error) {
	v.mu.Lock()
	stop, first := v.stop, !v.ended
	if first {
		v.ended, v.why = true, why
	}
	v.mu.Unlock()
	if first && stop != nil {
		stop(why)
	}
}

// recheck dismisses the visit if the line of its key is gone, or does not permit the same any
// more. A new limit holds for the next link.
func (v *visit) recheck() {
	if v.key == nil {
		return
	}
	now, err := v.server.cfg.Find(v.key, time.Now())
	switch g := v.grant; {
	case err != nil:
	case now.Path != g.Path, g.Upload && !now.Upload, g.Download && !now.Download, g.Delete && !now.Delete:
		err = errOtherLine
	default:
		return
	}
	v.dismiss(&transfer.Error{Op: "serving:", Code: framing.CodeCodeRefused, Err: err})
}

func (v *visit) ending() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ended
}

// cause is why the delivery failed: if it did, and the server ended it, that.
func (v *visit) cause(err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil && v.why != nil {
		return v.why
	}
	return err
}

// offerLimit is how long a peer that has proved itself may take until it says what it came for:
// it knew that before it called. Later its place is for others.
const offerLimit = time.Minute

// errNoOffer is told the peer.
var errNoOffer = errors.New("nothing was offered and nothing asked for in time")

// expects ends the visit unless came is called in time. One whose link is lost is ended as
// that: its peer can begin anew.
func (v *visit) expects() (came func()) {
	timer := time.AfterFunc(v.server.cfg.offerIn, func() {
		if v.lost() {
			v.end(errAgain)
			return
		}
		v.dismiss(&transfer.Error{Op: "serving:", Code: framing.CodeTimeout, Err: errNoOffer})
	})
	return func() { timer.Stop() }
}

// lostFor is how long a visit waits for a peer that is lost. Then it lets go of the files that
// it writes: behind a balancer the peer may be at another server before the same root, which
// waits for them (metered.go). A peer that comes back here later begins anew.
const lostFor = 5 * time.Second

// away waits for a peer that is lost, and reports whether it has not come back. What only
// this link can go on with is waited for without an end here.
func (v *visit) away() bool {
	timer := time.NewTimer(lostFor)
	defer timer.Stop()
	select {
	case <-v.done:
		return false
	case <-timer.C:
	}
	since, _, lost := v.link.Lost()
	return lost && !v.stays.Load() && time.Since(since) >= lostFor
}

func (v *visit) lost() bool {
	_, _, lost := v.link.Lost()
	return lost
}

// refused counts and tells that the peer may not do what it came for, and returns why.
func (v *visit) refused(cause Cause, why error) error {
	v.server.refused(Refusal{Cause: cause, Comment: v.grant.Comment, Fingerprint: v.grant.Fingerprint, Peer: v.peer, Err: why})
	return why
}

// watch counts what a delivery moves, while it does.
type watch struct {
	bytes interface{ Add(n int) }
	moved int64
}

// Observe is transfer.Observer's; one call comes at a time.
func (w *watch) Observe(e transfer.Event) {
	if p, ok := e.(transfer.Progress); ok && p.Moved > w.moved {
		w.bytes.Add(int(p.Moved - w.moved))
		w.moved = p.Moved
	}
}
