package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Server is one relay.
type Server struct {
	cfg     Config
	counted *counts
	all     *rate.Limiter // nil: no limit
	lobby   lobby
	web     *http.Server // nil: no WebSockets
	webIn   chan net.Conn
	files   int // descriptors that may be open
	open    atomic.Int64
	over    chan struct{} // closed once, to cut everything
	wg      sync.WaitGroup

	mu      sync.Mutex
	core    *core
	last    id
	clients map[id]*client
	links   map[*link]bool
	conns   map[net.Conn]bool // all that were accepted
	drained chan struct{}     // closed when the last link ends in a drain; nil: no drain
}

// New returns a Server that serves nothing yet.
func New(cfg Config) *Server {
	cfg.Limits.Rooms = max(1, cfg.Limits.Rooms)
	cfg.Limits.Links = max(1, cfg.Limits.Links)
	cfg.Limits.PerSource = max(1, cfg.Limits.PerSource)
	s := &Server{
		cfg:     cfg,
		all:     limiterOf(cfg.Limits.Rate),
		files:   openFiles(),
		over:    make(chan struct{}),
		core:    newCore(cfg.Limits, rand.Reader, time.Now()),
		clients: make(map[id]*client),
		links:   make(map[*link]bool),
		conns:   make(map[net.Conn]bool),
	}
	s.counted = newCounts(s.figures)
	return s
}

// Serve takes connections from ln until ctx ends, which cuts all, or until drain ends: then
// ln is closed, who waits is sent away, and Serve returns when the last link is over.
// It returns nil after both, and an error if ln failed. A Server serves once.
func (s *Server) Serve(ctx, drain context.Context, ln net.Listener) error {
	if s.cfg.BehindProxy {
		s.serveWeb(ln.Addr())
	}
	failed := make(chan error, 1)
	go func() { failed <- s.accept(ln) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var err error
	accepting := true
	var drained chan struct{}
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			waiting = false
		case err = <-failed:
			accepting, waiting = false, false
		case <-drain.Done():
			drain = context.Background() // once
			ln.Close()
			<-failed
			accepting = false
			drained = s.drain()
		case <-drained:
			waiting = false
		case now := <-tick.C:
			s.tick(now)
		}
	}
	ln.Close()
	if accepting {
		<-failed
	}
	s.cutAll()
	s.wg.Wait()
	return err
}

// accept hands connections to goroutines of their own until ln is closed.
func (s *Server) accept(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil && s.pause(err):
			continue
		case err != nil:
			return fmt.Errorf("accepting connections: %w", err)
		}
		if int(s.open.Load()) >= s.files {
			conn.Close()
			s.refused(CauseFiles)
			continue
		}
		s.open.Add(1)
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			defer s.open.Add(-1)
			s.serve(conn)
		}()
	}
}

// pause waits a little after an error that may pass, as too many open files.
func (s *Server) pause(err error) bool {
	var n net.Error
	//lint:ignore SA1019 nothing else tells the errors of accept that pass, as net/http has it
	if !errors.As(err, &n) || !n.Temporary() {
		return false
	}
	select {
	case <-time.After(50 * time.Millisecond):
		return true
	case <-s.over:
		return false
	}
}

// tick does what time brings.
func (s *Server) tick(now time.Time) {
	s.do(func(time.Time) { s.core.tick(now) })
	s.mu.Lock()
	var idle []*link
	for l := range s.links {
		if l.idle(now) {
			idle = append(idle, l)
		}
	}
	s.mu.Unlock()
	for _, l := range idle {
		s.refused(CauseIdle)
		l.end()
	}
}

// drain sends everybody away who is not in a link. The channel is closed when the last
// link is over.
func (s *Server) drain() chan struct{} {
	drained := make(chan struct{})
	s.do(func(time.Time) { s.core.drain() })
	s.lobby.empty()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = drained
	s.closeDrainedLocked()
	return drained
}

func (s *Server) closeDrainedLocked() {
	if s.drained != nil && len(s.links) == 0 {
		close(s.drained)
		s.drained = nil
	}
}

// cutAll closes all connections.
func (s *Server) cutAll() {
	close(s.over)
	s.mu.Lock()
	var conns []net.Conn
	for conn := range s.conns {
		conns = append(conns, conn)
	}
	s.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
	if s.web != nil {
		s.web.Close()
	}
}

// hold remembers a connection for cutAll. It returns false if that has been.
func (s *Server) hold(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.over:
		return false
	default:
	}
	s.conns[conn] = true
	return true
}

func (s *Server) release(conn net.Conn) {
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	conn.Close()
}

// Metrics answers with all numbers in the text format of Prometheus, those of the process
// among them.
func (s *Server) Metrics() http.Handler { return http.HandlerFunc(s.counted.answer) }

func (s *Server) figures() figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	return figures{rooms: len(s.core.tickets), seekers: len(s.core.seekers), links: len(s.links), sources: len(s.core.sources), connections: int(s.open.Load())}
}

func (s *Server) refused(cause Cause) {
	s.counted.refused(cause).Inc()
	if s.cfg.Observe != nil {
		s.cfg.Observe(Event{Kind: EventRefused, Cause: cause})
	}
}

// linkOver forgets a link whose connections are closed.
func (s *Server) linkOver(l *link) {
	elapsed := time.Since(l.started)
	s.counted.linkSeconds.Update(elapsed.Seconds())
	s.open.Add(-pipesOfLink)
	s.do(func(now time.Time) {
		s.core.ended(now, l.seeker.id)
		delete(s.links, l)
		s.closeDrainedLocked()
	})
	if s.cfg.Observe != nil {
		s.cfg.Observe(Event{Kind: EventLinked, Bytes: roundBytes(l.total.Load()), Elapsed: elapsed})
	}
}
