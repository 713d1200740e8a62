package main

import (
	"bufio"
	"io"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// jsonRenderer writes objects in the order of their events, but not every progress.
// Observe waits while queuedLines objects wait for standard output. finish reports an
// output that failed.
type jsonRenderer struct {
	out    *stickyWriter
	buf    *bufio.Writer
	ticker *time.Ticker
	queue  chan any      // written by anyone, read by loop; never closed
	stop   chan struct{} // closed by finish
	ended  chan struct{} // closed by loop

	mu    sync.Mutex
	sight sight
	fresh bool // the progress of sight was not yet written

	// Of loop alone.
	pace    pace
	rated   bool // the rate was told, and holds until the next is
	stalled bool // was told, until something moves
}

func newJSONRenderer(out io.Writer, ticker *time.Ticker) *jsonRenderer {
	sticky := &stickyWriter{w: out}
	r := &jsonRenderer{
		out: sticky, buf: bufio.NewWriter(sticky), ticker: ticker,
		queue: make(chan any, queuedLines), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	r.queue <- startObject() // it has room
	go r.loop()
	return r
}

// loop runs in the only goroutine that writes. It flushes whenever the queue is empty:
// readers see events as they happen, and 50 000 items do not cost as many writes.
func (r *jsonRenderer) loop() {
	defer close(r.ended)
	for {
		select {
		case v := <-r.queue:
			r.put(v)
			if len(r.queue) == 0 {
				r.flush()
			}
		case <-r.ticker.C:
			r.look(time.Now())
			r.flush()
		case <-r.stop:
			for {
				select {
				case v := <-r.queue:
					r.put(v)
				default:
					r.look(time.Now())
					return
				}
			}
		}
	}
}

// lasting is an object whose writer waits for it.
type lasting struct {
	object  any
	written chan error
}

// written writes v and all that is queued before it, and returns the error of the output.
func (r *jsonRenderer) written(v any) error {
	l := lasting{v, make(chan error, 1)}
	r.send(l)
	return <-l.written // finish comes only after the delivery
}

// put and flush leave errors to the sticky writer.
func (r *jsonRenderer) put(v any) {
	l, waits := v.(lasting)
	if waits {
		v = l.object
	}
	_, _ = r.buf.Write(jsonLine(v))
	if waits {
		r.flush()
		l.written <- r.out.err
	}
}

func (r *jsonRenderer) flush() { _ = r.buf.Flush() }

// look writes the newest progress, once, and again when its rate holds no more. It reports
// once that nothing moves, and again only after something moved.
func (r *jsonRenderer) look(now time.Time) {
	r.mu.Lock()
	s, fresh := r.sight, r.fresh
	r.fresh = false
	r.mu.Unlock()
	v := r.pace.look(now, s, "")
	if fresh || r.rated && !v.hasRate {
		r.put(progressObject(v))
		r.rated = v.hasRate
	}
	d := r.pace.stall.check(now, s)
	if d > 0 && !r.stalled {
		message := peerDoes(s.peer)
		if silent(s) > 0 {
			message = "nothing is heard from the other side"
		}
		r.put(jsonStalled{"stalled", d.Milliseconds(), message})
	}
	r.stalled = d > 0
}

func (r *jsonRenderer) limited(rate int64, err error) {
	v := jsonLimit{Type: "limit", Rate: rate}
	if err != nil {
		v.Message = tell(err.Error())
	}
	r.send(v)
}

// storeWaits tells it to programs.
func (r *jsonRenderer) storeWaits(err error, since time.Duration) {
	r.mu.Lock()
	news := r.sight.waitsFor(err, since, time.Now())
	r.mu.Unlock()
	if news {
		r.send(jsonStoreWait{"store_waiting", since.Milliseconds(), tell(err.Error())})
	}
}

func (*jsonRenderer) confined(string) {}

func (r *jsonRenderer) linked(l *link.Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sight.peer = l
}

// send queues one object. After finish it drops the object.
func (r *jsonRenderer) send(v any) {
	select {
	case r.queue <- v:
	case <-r.ended:
	}
}

// Observe keeps the newest progress and queues all else.
func (r *jsonRenderer) Observe(e transfer.Event) {
	if p, ok := e.(transfer.Progress); ok {
		r.mu.Lock()
		r.sight.progress, r.fresh = p, true
		r.mu.Unlock()
		return
	}
	if p, ok := e.(transfer.PhaseChanged); ok {
		r.mu.Lock()
		r.sight.phase = p.Phase
		r.mu.Unlock()
	}
	if v := jsonEvent(e); v != nil {
		r.send(v)
	}
}

func (r *jsonRenderer) listening(v invitation) {
	r.send(jsonListening{"listening", v.addresses(), v.command(), v.code})
}

func (*jsonRenderer) advise([]string) {}

func (*jsonRenderer) searching(*search) {}

func (r *jsonRenderer) linkEvent(e link.Event) {
	r.mu.Lock()
	r.sight.takes(e)
	r.mu.Unlock()
	if v, ok := linkObject(e); ok {
		r.send(v)
	}
}

// linkObject is e for programs; ok is false if they do not hear of it.
func linkObject(e link.Event) (v jsonLink, ok bool) {
	v = jsonLink{Address: e.Addr, Attempts: e.Attempts, Limit: e.Limit, ElapsedMS: e.Elapsed.Milliseconds()}
	switch e.Kind {
	case link.EventWaiting:
		v.Type = "waiting"
	case link.EventRefused:
		v.Type = "code_refused"
	case link.EventBroken:
		v.Type = "dropped"
	case link.EventConnected:
		v.Type = "connected"
	case link.EventLost:
		v.Type, v.WindowMS = "lost", e.Window.Milliseconds()
	case link.EventRetrying:
		v.Type, v.WindowMS = "retrying", e.Window.Milliseconds()
	case link.EventRejoined:
		v.Type = "rejoined"
	case link.EventBurnt:
		v.Type = "burnt"
	default:
		return v, false
	}
	if e.Err != nil {
		v.Message = tell(dialCause(e.Err))
	}
	return v, true
}

func (r *jsonRenderer) meets(n reach.News) {
	if v := meetsObject(n); v != nil {
		r.send(v)
	}
}

// finish writes what is queued, and then the result as the last line.
func (r *jsonRenderer) finish(o outcome) error {
	r.ticker.Stop()
	close(r.stop)
	<-r.ended
	r.put(o.object())
	r.flush()
	return r.out.err
}
