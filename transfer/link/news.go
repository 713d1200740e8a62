package link

import "sync"

// news tells the caller that the link was lost, that it is dialled again, and that it goes
// on. The goroutines that find so are several, and the system may stop any of them between
// the finding and the telling. So an event gets its place with put, and tell calls Notify
// for one event after another: whoever heard of the loss last would think a link lost that
// goes on.
type news struct {
	to func(Event)

	mu      sync.Mutex // guards what follows; never held while to runs
	waiting []Event
	telling bool // a goroutine is at it
}

// put gives an event its place in the order. It never waits: conns puts a loss, and the end
// of an outage, under its own lock.
func (n *news) put(e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting = append(n.waiting, e)
}

// tell calls Notify for all events that wait, unless another goroutine is at it: then that
// one tells these too. The caller holds no lock.
func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.telling {
		return
	}
	n.telling = true
	defer func() { n.telling = false }() // also if Notify ends the goroutine
	for len(n.waiting) > 0 {
		n.next()
	}
}

// next tells one event. It needs n.mu, and gives it up meanwhile.
func (n *news) next() {
	e := n.waiting[0]
	n.waiting = n.waiting[1:]
	n.mu.Unlock()
	defer n.mu.Lock()
	n.to(e)
}
