package simulation

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// simFlow is one direction of a connection. Guarded by simNet.mu.
type simFlow struct {
	net            *simNet
	from           host
	cond           sync.Cond
	segments       []simSegment // by arrival
	queued         int          // bytes in segments
	last           time.Time    // arrival of the last
	reset          [2]bool      // a host sees the connection as reset
	lost           bool         // nothing arrives any more, and nobody is told
	finished       bool         // the writer has ended it
	broken         bool         // written to after the reader was gone
	reader, writer simEnd
	wake           *time.Timer // for the arrival of the first segment
}

// simSegment is what arrives together: bytes, or the end.
type simSegment struct {
	at   time.Time
	data []byte
	last bool
	err  error // of the end; nil is FIN
}

type simEnd struct {
	closed   bool
	deadline time.Time
	timer    *time.Timer // wakes who waits when the deadline passes
}

func (e *simEnd) late() bool { return !e.deadline.IsZero() && !time.Now().Before(e.deadline) }

func (e *simEnd) stop() {
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
}

func newSimFlow(n *simNet, from host) *simFlow {
	f := &simFlow{net: n, from: from}
	f.cond.L = &n.mu
	return f
}

// over tells whether no byte can pass any more.
func (f *simFlow) over() bool { return f.reader.closed || f.writer.closed || f.reset[0] || f.reset[1] }

func (f *simFlow) setDeadline(e *simEnd, t time.Time) error {
	f.net.mu.Lock()
	defer f.net.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	e.deadline = t
	if !t.IsZero() && !e.closed {
		e.timer = time.AfterFunc(time.Until(t), f.broadcast)
	}
	f.cond.Broadcast()
	return nil
}

func (f *simFlow) broadcast() {
	f.net.mu.Lock()
	defer f.net.mu.Unlock()
	f.cond.Broadcast()
}

// write never waits for room, as if the kernel had buffers without end: package
// link holds locks while it writes, and in a bubble no time passes while somebody
// waits for a lock. What bounds the bytes under way is ferry's own credit.
func (f *simFlow) write(b []byte) (done int, err error) {
	n := f.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		room := n.trigger(f.from, min(len(b)-done, n.line.segment))
		switch {
		case f.writer.closed || f.finished:
			return done, net.ErrClosed
		case f.reset[f.from]:
			return done, syscall.ECONNRESET
		case f.broken:
			return done, syscall.EPIPE
		case f.writer.late():
			return done, os.ErrDeadlineExceeded
		case done == len(b):
			return done, nil
		}
		n.sent[f.from] += int64(room)
		f.put(b[done : done+room])
		done += room
	}
}

// put sends one segment on its way.
func (f *simFlow) put(b []byte) {
	n := f.net
	switch {
	case f.lost:
		return
	case f.reader.closed:
		f.broken = true // the answer is a reset, which the next write meets
		return
	}
	data := bytes.Clone(b)
	times := 1
	if spoil := n.spoil[f.from]; len(spoil) > 0 {
		n.spoil[f.from] = spoil[1:]
		switch spoil[0] {
		case faultFlip:
			data[n.rng.IntN(len(data))] ^= 1 << n.rng.IntN(8)
		case faultLose:
			times = 0
		case faultTwice:
			times = 2
		}
	}
	for range times {
		f.push(simSegment{data: data})
	}
}

func (f *simFlow) push(s simSegment) {
	n := f.net
	at := time.Now().Add(n.line.latency + n.someJitter())
	if n.line.rate > 0 {
		if at.Before(f.last) {
			at = f.last
		}
		at = at.Add(time.Duration(int64(len(s.data)) * int64(time.Second) / n.line.rate))
	}
	if at.Before(f.last) {
		at = f.last
	}
	s.at, f.last = at, at
	f.segments = append(f.segments, s)
	f.queued += len(s.data)
	n.under += int64(len(s.data))
	n.most = max(n.most, n.under)
	if len(f.segments) == 1 {
		f.cond.Broadcast()
	}
}

// finish ends the writing with FIN, or with a reset if err is set.
func (f *simFlow) finish(err error) {
	if f.finished {
		return
	}
	f.finished = true
	f.net.under -= int64(f.queued)
	if !f.lost {
		f.push(simSegment{last: true, err: err})
	}
}

// arrive counts n bytes no longer. Those whose writer has closed were counted off
// then: a link that moves sends them again on another connection.
func (f *simFlow) arrive(n int) {
	if !f.finished {
		f.net.under -= int64(n)
	}
}

// drop forgets what is under way.
func (f *simFlow) drop() {
	f.arrive(f.queued)
	f.segments, f.queued = nil, 0
	if f.wake != nil {
		f.wake.Stop()
	}
}

// read returns what has arrived of one segment and blocks for the first byte
// only.
func (f *simFlow) read(b []byte) (int, error) {
	n := f.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		switch {
		case f.reader.closed:
			return 0, net.ErrClosed
		case f.reset[f.from.other()]:
			return 0, syscall.ECONNRESET
		case f.reader.late():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		}
		if len(f.segments) > 0 && !f.lost {
			s := &f.segments[0]
			at := s.at
			if quiet := n.silence[f.from].Add(n.line.latency); quiet.After(at) {
				at = quiet
			}
			wait := time.Until(at)
			switch {
			case wait > 0:
				f.wakeAfter(wait)
			case s.last && s.err != nil:
				return 0, s.err
			case s.last:
				return 0, io.EOF
			default:
				return f.take(s, b), nil
			}
		}
		f.cond.Wait()
	}
}

func (f *simFlow) take(s *simSegment, b []byte) int {
	m := copy(b, s.data)
	s.data = s.data[m:]
	f.arrive(m)
	f.queued -= m
	if len(s.data) == 0 {
		f.segments[0] = simSegment{}
		f.segments = f.segments[1:]
	}
	return m
}

func (f *simFlow) wakeAfter(d time.Duration) {
	if f.wake == nil {
		f.wake = time.AfterFunc(d, f.broadcast)
		return
	}
	f.wake.Reset(d)
}
