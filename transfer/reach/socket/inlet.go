package socket

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// mostSources bounds how many connections an Inlet remembers the source of. It is far
	// above what link's listener holds without proof.
	mostSources = 256
	// The pauses after a failed Accept, as when there are no descriptors left.
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// Inlet is a listener whose connections come from several places: accepted, dialled back,
// opened together, relayed, or the pipes of ssh. It may be used by many goroutines.
type Inlet struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	over    bool
	feeds   []net.Listener
	sources map[net.Conn]string
	order   [mostSources]net.Conn // whose source is in sources, the oldest at next
	next    int
}

// NewInlet returns an inlet whose address, as people see it, is addr.
func NewInlet(addr net.Addr) *Inlet {
	return &Inlet{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{}), sources: make(map[net.Conn]string)}
}

// Accept waits for the next connection from anywhere.
func (i *Inlet) Accept() (net.Conn, error) {
	select {
	case <-i.closed: // also where a connection waits
		return nil, i.gone()
	default:
	}
	select {
	case conn := <-i.conns:
		return conn, nil
	case <-i.closed:
		return nil, i.gone()
	}
}

func (i *Inlet) gone() error {
	return &net.OpError{Op: "accept", Net: "inlet", Addr: i.addr, Err: net.ErrClosed}
}

// Addr is the address that the inlet was made with.
func (i *Inlet) Addr() net.Addr { return i.addr }

// Put gives conn to Accept, and waits until it is taken. source is what Source tells of it.
// If the inlet is closed, conn is closed too, and the error wraps net.ErrClosed.
func (i *Inlet) Put(conn net.Conn, source string) error {
	i.remember(conn, source)
	select {
	case i.conns <- conn:
		return nil
	case <-i.closed:
		return errors.Join(i.gone(), conn.Close())
	}
}

// Feed takes the connections of ln, which the inlet owns from here on. It ends when ln is
// closed.
func (i *Inlet) Feed(ln net.Listener) {
	i.mu.Lock()
	over := i.over
	if !over {
		i.feeds = append(i.feeds, ln)
		i.wg.Go(func() { i.take(ln) })
	}
	i.mu.Unlock()
	if over {
		_ = ln.Close() // nothing of it was taken
	}
}

func (i *Inlet) take(ln net.Listener) {
	pause := firstPause
	for {
		conn, err := ln.Accept()
		if err == nil {
			pause = firstPause
			if i.Put(conn, "") != nil {
				return
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause = min(2*pause, longestPause)
		case <-i.closed:
			timer.Stop()
			return
		}
	}
}

// Source tells the source that conn was put in with. It is "" for one that was accepted,
// whose address is its source, and for one that is long past.
func (i *Inlet) Source(conn net.Conn) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sources[conn]
}

func (i *Inlet) remember(conn net.Conn, source string) {
	if source == "" {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.sources, i.order[i.next])
	i.sources[conn], i.order[i.next] = source, conn
	i.next = (i.next + 1) % mostSources
}

// Close closes the listeners that feed the inlet, and what nobody has accepted. It waits
// for the inlet's goroutines.
func (i *Inlet) Close() error {
	i.mu.Lock()
	feeds := i.feeds
	if !i.over {
		i.over, i.feeds = true, nil
		close(i.closed)
	}
	i.mu.Unlock()
	var all []error
	for _, ln := range feeds {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			all = append(all, err)
		}
	}
	i.wg.Wait()
	return errors.Join(all...)
}
