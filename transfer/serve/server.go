package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
)

// Server is one standing server.
type Server struct {
	cfg      Config
	guests   *guests
	quotas   *quotas
	shares   *shares
	counts   *counts
	draining atomic.Bool
	wg       sync.WaitGroup // visits
}

// LeastMemory is the memory of one delivery to or from a disk, in bytes: 3 MiB of content on
// its way, as much that is being compared, and what is kept of its items.
const LeastMemory = 8 << 20

// errConfig: a Config without what is required.
var errConfig = errors.New("a server needs a root, and keys or a code")

// New returns a Server that serves nothing yet.
func New(cfg Config) (*Server, error) {
	withKeys := cfg.Host != nil && cfg.Find != nil && cfg.Verify != nil
	if cfg.Root == nil || !withKeys && cfg.Code == (link.Code{}) {
		return nil, errConfig
	}
	cfg.Links = max(1, cfg.Links)
	if cfg.offerIn <= 0 {
		cfg.offerIn = offerLimit
	}
	if cfg.ExitOf == nil {
		cfg.ExitOf = func(_ transfer.Result, err error) int {
			if err != nil {
				return 1
			}
			return 0
		}
	}
	s := &Server{cfg: cfg, guests: newGuests(cfg.Find, max(1, cfg.Links/2)), quotas: newQuotas(cfg.Root), shares: newShares(cfg.Memory, max(cfg.Each, LeastMemory))}
	s.counts = newCounts(s.figures)
	return s, nil
}

// capabilities are what a server has beside compression.
const capabilities = framing.CapWide | framing.CapCopy | framing.CapNames | framing.CapStored | framing.CapRequest | framing.CapPlace | framing.CapMirror | framing.CapRemarks

func (s *Server) linkConfig() link.Config {
	cfg := link.Config{
		Role: link.AnyRole, Code: s.cfg.Code, Timeout: s.cfg.Timeout, RetryFor: s.cfg.RetryFor, Links: s.cfg.Links,
		Capabilities: s.cfg.Compress.Capabilities() | capabilities, Notify: s.heard,
	}
	if s.cfg.Host != nil {
		cfg.Keys = &link.Keys{Verify: s.cfg.Verify, Host: s.cfg.Host, Admit: s.admit}
	}
	return cfg
}

// Serve takes links from ln and serves them, in these steps:
//
//  1. Until drain or ctx ends, each link that proves itself is a visit in a goroutine of its
//     own. What goes wrong with one is told, and changes nothing for the others.
//  2. When drain ends, ln is closed. Visits go on; one whose link is lost ends, since its peer
//     can come back to another process only.
//  3. When ctx ends, all links are cut without a goodbye: their peers come again, to the next
//     process, and go on with what this one kept.
//
// It returns nil after both, and an error if no code or key can let anybody in any more. A
// Server serves once. ln belongs to it.
func (s *Server) Serve(ctx, drain context.Context, ln net.Listener) error {
	listener, err := link.Serve(ln, s.linkConfig())
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	visiting, over := context.WithCancel(context.WithoutCancel(ctx))
	defer over()
	accepting, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(drain, stop)()
	for err == nil {
		var l *link.Link
		if l, err = listener.Accept(accepting); err == nil {
			v := newVisit(s, l)
			s.wg.Go(func() { v.run(visiting) })
		}
	}
	if accepting.Err() != nil {
		err = nil // it was asked for
	}
	s.drain(ctx, listener)
	return err
}

// drain lets the visits come to their end, as long as ctx lasts.
func (s *Server) drain(ctx context.Context, listener *link.Listener) {
	s.draining.Store(true)
	all := s.guests.all(true)
	_ = listener.Close() // nobody needs it any more
	for _, v := range all {
		if v.lost() {
			v.end(errClosed)
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.wg.Wait()
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	for _, v := range s.guests.all(true) {
		v.end(errClosed)
	}
	<-ended
}

// makeRoom ends the visits that are lost: others wait for the memory that they have. Whoever
// comes back begins anew, and goes on with what was kept.
func (s *Server) makeRoom() {
	for _, v := range s.guests.all(false) {
		if v.lost() {
			v.end(errAgain)
		}
	}
}

// admit is link.Keys.Admit.
func (s *Server) admit(key []byte, from net.Addr) (any, error) {
	c, no := s.guests.admit(key, from)
	if no != nil {
		s.refused(*no)
		return nil, refusal(no)
	}
	return c, nil
}

// heard is link.Config.Notify.
func (s *Server) heard(e link.Event) {
	switch e.Kind {
	case link.EventRefused:
		s.refused(Refusal{Cause: CauseCode, Peer: e.Addr, Err: e.Err})
	case link.EventBroken:
		if cause := causeOf(e.Err); cause != "" {
			s.refused(Refusal{Cause: cause, Peer: e.Addr, Err: e.Err})
		}
	case link.EventStranger:
		s.refused(Refusal{Cause: CauseStranger, Peer: e.Addr, Err: e.Err})
	case link.EventBurnt:
		s.tell(Burnt{e.Err})
	case link.EventLost:
		// Not here: who tells of an event must not be kept.
		s.wg.Go(func() { s.lost(e.Link) })
	}
}

// lost ends the visit that l is of: at once while the server ends, or others wait for its
// memory, and otherwise if its peer stays away.
func (s *Server) lost(l *link.Link) {
	for _, v := range s.guests.all(false) {
		if v.link == l && (s.draining.Load() || s.shares.wanted() || v.away()) {
			v.end(errAgain)
		}
	}
}

// causeOf is why a connection ended before its proof; "" if that was told otherwise.
func causeOf(err error) Cause {
	var refused *link.Error
	switch {
	case errors.Is(err, link.ErrKeyRefused):
		return "" // admit did
	case errors.Is(err, link.ErrBurnt), errors.As(err, &refused) && refused.Code == framing.CodeBusy:
		return CauseBusy
	}
	return CauseStranger
}

// refused counts and tells a refusal.
func (s *Server) refused(r Refusal) {
	s.counts.refused(r.Cause).Inc()
	s.tell(r)
}

func (s *Server) tell(e Event) {
	if s.cfg.Observe != nil {
		s.cfg.Observe(e)
	}
}

// over counts and tells a delivery that ended.
func (s *Server) over(v *visit, result transfer.Result, err error) {
	d := Delivery{
		Direction: v.direction, Comment: v.grant.Comment, Fingerprint: v.grant.Fingerprint, Peer: v.peer, Path: v.path,
		Result: result, Exit: s.cfg.ExitOf(result, err), Err: err, Elapsed: time.Since(v.began),
	}
	s.counts.over(d)
	s.tell(d)
}

// Recheck looks at the keys of those who are here, after their lines may have changed or
// expired. Who has none any more, or may do less than when he came, is sent away, and told so.
func (s *Server) Recheck() {
	for _, v := range s.guests.all(false) {
		v.recheck()
	}
}

// Metrics answers with all numbers in the text format of Prometheus, those of the process
// among them, at /metrics.
func (s *Server) Metrics() http.Handler { return http.HandlerFunc(s.counts.answer) }

func (s *Server) figures() (f figures) {
	f.links, f.lost = s.guests.count()
	f.memory, f.waiting = s.shares.figures(s.cfg.Memory)
	if s.draining.Load() {
		f.draining = 1
	}
	return f
}
