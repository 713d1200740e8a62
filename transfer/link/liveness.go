package link

import (
	"fmt"
	"time"

	"ferry/framing"
)

// start runs the link's goroutines. They are two, because a heartbeat may wait
// for room on the wire, and the watchdog for nothing.
func (l *Link) start() {
	l.pulse.Touch()
	l.wg.Go(l.beat)
	l.wg.Go(l.watch)
}

// ackSoon has beat acknowledge what came.
func (l *Link) ackSoon() {
	select {
	case l.acks <- struct{}{}:
	default:
	}
}

// acknowledge tells the peer how much came, where that is much.
func (l *Link) acknowledge() error {
	for i := range l.NumStreams() {
		received, ok := l.Stream(i).bytes.owed()
		if !ok {
			continue
		}
		a := framing.Ack{Stream: uint16(i), Received: received}
		if err := l.Stream(0).Send(true, framing.TypeAck, a.Append(nil)); err != nil {
			return err
		}
	}
	return nil
}

// beat sends a heartbeat on stream 0 every 5 s, which also flushes what waits
// there, and the acknowledgements. It says nothing while the link is lost: that
// would only have to be kept.
func (l *Link) beat() {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	var body []byte
	for {
		select {
		case <-l.done:
			return
		case <-l.acks:
			if l.acknowledge() != nil {
				return // as below
			}
			continue
		case <-tick.C:
		}
		if _, _, lost := l.Lost(); lost {
			continue
		}
		h := framing.Heartbeat{State: framing.StateIdle}
		if f := l.state.Load(); f != nil && *f != nil {
			s, progress := (*f)()
			h = framing.Heartbeat{State: framing.State(s), Progress: progress}
		}
		body = h.Append(body[:0])
		if l.Stream(0).Send(true, framing.TypeHeartbeat, body) != nil {
			return // the link is ending; the stream has said why
		}
	}
}

// stoppedAfter is how late a timer may be before this process, and not the
// peer, must have stood still.
const stoppedAfter = time.Second

// watch takes the link for lost when nothing came for its timeout on any stream.
// Any byte counts, since a frame may take long on a slow line; of a record that has
// not ended only every dripLeast.
func (l *Link) watch() {
	limit := l.cfg.timeout()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	due := time.Now().Add(limit)
	for {
		select {
		case <-l.done:
			return
		case <-timer.C:
		}
		if time.Since(due) > stoppedAfter {
			l.pulse.Touch() // what came meanwhile could not be read
		}
		left := limit - l.pulse.Silence()
		if left <= 0 {
			if c := l.Stream(0).bytes.conn(); c != nil {
				l.lost(c, &Error{Code: framing.CodeTimeout, Op: "read", Err: fmt.Errorf("%w for %v", errSilence, limit)})
			}
			left = limit // from when it is joined again, at the latest
		}
		due = time.Now().Add(left)
		timer.Reset(left)
	}
}
