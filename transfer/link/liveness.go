package link

import (
	"fmt"
	"sync/atomic"
	"time"

	"ferry/framing"
)

// vitals are what the two sides say of themselves, in heartbeats. Any goroutine may use
// them.
type vitals struct {
	own  atomic.Pointer[func() (state uint8, progress uint64)]
	peer atomic.Pointer[framing.Heartbeat]
	acks chan struct{} // capacity 1: something is to be acknowledged
}

// heartbeat says what this side is doing.
func (v *vitals) heartbeat() framing.Heartbeat {
	f := v.own.Load()
	if f == nil || *f == nil {
		return framing.Heartbeat{State: framing.StateIdle}
	}
	state, progress := (*f)()
	return framing.Heartbeat{State: framing.State(state), Progress: progress}
}

// theirs is the last heartbeat of the other side.
func (v *vitals) theirs() (h framing.Heartbeat, ok bool) {
	p := v.peer.Load()
	if p == nil {
		return framing.Heartbeat{}, false
	}
	return *p, true
}

// start runs the link's goroutines. They are two, because a heartbeat may wait for room
// on the wire, and the watchdog for nothing.
func (l *Link) start() {
	l.tally.pulse.Touch()
	l.conns.tasks.Go(l.beat)
	l.conns.tasks.Go(l.watch)
}

// TellPaths tells the other side where this one may be reached, in the place of what it was
// told before; an empty list says nowhere. It arrives whatever becomes of the link's
// connections. Both sides need framing.CapPaths. TellPaths blocks as Send does.
func (l *Link) TellPaths(list []framing.Path) error { return l.paths.tell(l.Stream(0), list) }

// Paths returns where the other side says that it may be reached, and what is closed when
// it says something else. They are a peer's word: at most framing.MaxPaths addresses of
// any kind, those of this machine and of its neighbours among them.
func (l *Link) Paths() (list []framing.Path, changed <-chan struct{}) { return l.paths.get() }

// Punch asks the listener to dial the paths of this side, when that time has passed after
// it hears of it. Only the side that dialled may ask. Both sides need framing.CapPaths.
func (l *Link) Punch(after time.Duration) error { return l.paths.punch(l.Stream(0), after) }

// Punches yields, at the listener, how long after it came each PUNCH is to be answered. One
// that nobody has taken is dropped for a newer one.
func (l *Link) Punches() <-chan time.Duration { return l.paths.punches }

// beats takes in a heartbeat of the other side.
func (l *Link) beats(h framing.Heartbeat) { l.vitals.peer.Store(&h) }

// acknowledges takes in how much of a stream the other side has.
func (l *Link) acknowledges(a framing.Ack) error {
	s := l.conns.stream(int(a.Stream))
	if s == nil {
		return errNoStream
	}
	return s.out.acknowledge(a.Received)
}

// ackSoon has beat acknowledge what came.
func (l *Link) ackSoon() {
	select {
	case l.vitals.acks <- struct{}{}:
	default:
	}
}

// acknowledge tells the peer how much came, where that is much.
func (l *Link) acknowledge() error {
	for i := range l.NumStreams() {
		received, ok := l.conns.stream(i).in.unacknowledged()
		if !ok {
			continue
		}
		a := framing.Ack{Stream: uint16(i), Received: received}
		if err := l.conns.stream(0).Send(true, framing.TypeAck, a.Append(nil)); err != nil {
			return err
		}
	}
	return nil
}

// beat sends a heartbeat on stream 0 every 5 s, which also flushes what waits there, and
// the acknowledgements. It says nothing while the link is lost: that would only have to be
// kept.
func (l *Link) beat() {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	var body []byte
	for {
		select {
		case <-l.Done():
			return
		case <-l.vitals.acks:
			if l.acknowledge() != nil {
				return // as below
			}
			continue
		case <-tick.C:
		}
		if l.conns.outage() != nil {
			continue
		}
		h := l.vitals.heartbeat()
		body = h.Append(body[:0])
		if l.conns.stream(0).Send(true, framing.TypeHeartbeat, body) != nil {
			return // the link is ending; the stream has said why
		}
	}
}

// lateBeat is how late a heartbeat of a healthy peer may be, on a slow path with losses.
const lateBeat = 3 * time.Second

// Silence is for how long nothing came from the other side. overdue says that a heartbeat
// should have come by now: the path or the other side may be gone.
func (l *Link) Silence() (d time.Duration, overdue bool) {
	d = l.tally.pulse.Silence()
	return d, d >= heartbeat+lateBeat
}

// stoppedAfter is how late a timer may be before this process, and not the peer, must have
// stood still.
const stoppedAfter = time.Second

// watch takes the link for lost when nothing came for its timeout on any stream. Any byte
// counts, since a frame may take long on a slow line; package record says what counts of a
// record that has not ended.
func (l *Link) watch() {
	limit := l.cfg.timeout()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	due := time.Now().Add(limit)
	for {
		select {
		case <-l.Done():
			return
		case <-timer.C:
		}
		if time.Since(due) > stoppedAfter {
			l.tally.pulse.Touch() // what came meanwhile could not be read
		}
		left := limit - l.tally.pulse.Silence()
		if left <= 0 {
			if ch := l.conns.stream(0).in.current(); ch != nil {
				l.lost(ch, &Error{Code: framing.CodeTimeout, Op: "read", Err: fmt.Errorf("%w for %v", errSilence, limit)})
			}
			left = limit // from when it is joined again, at the latest
		}
		due = time.Now().Add(left)
		timer.Reset(left)
	}
}
