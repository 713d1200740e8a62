package reach

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/reach/lan"
	"ferry/transfer/reach/socket"
)

// On the LAN the side that was given the code asks, and whoever is in its room answers. Of
// two that ask the receiver dials.

// reportAfter is when a search tells on which interfaces it asks: the first questions are
// out by then.
const reportAfter = 100 * time.Millisecond

func (m *Meeting) self() lan.Self {
	s := lan.Self{Role: m.ways.Role, Room: m.ways.Room, Port: m.port, Searches: m.ways.Search}
	if m.port != 0 && !m.isDeaf() {
		s.Instance = m.listener.Instance()
	}
	return s
}

// answer answers those who ask, until Close or hush.
func (m *Meeting) answer() {
	if !m.ways.LAN || m.ways.Dial != nil || m.port == 0 {
		return
	}
	m.answerer = lan.Answer(m.ctx, m.self(), func(ctx context.Context, to netip.AddrPort) {
		m.notePunched(to.String(), true) // whichever socket the connection comes up on
		if conn, err := socket.Open(ctx, m.port, to); err == nil {
			_ = m.inlet.Put(conn, "") // a closed inlet closes it
		}
	})
}

// hush ends answer.
func (m *Meeting) hush() {
	m.mu.Lock()
	a := m.answerer
	m.answerer = nil
	m.mu.Unlock()
	if a != nil {
		a.Close()
	}
}

// ask asks who is there, until the function that it returns is called. What answers
// becomes a candidate.
func (m *Meeting) ask() (stop func()) {
	if !m.asksLAN() {
		if m.relay.seeker != nil && m.ways.Search {
			m.tell(News{Kind: NewsLooking, Relay: m.ways.Relay.Host()})
		}
		return func() {}
	}
	s := lan.Search(m.ctx, m.self())
	m.mu.Lock()
	m.asking = true
	m.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		report := time.NewTimer(reportAfter)
		defer report.Stop()
		for {
			select {
			case f, ok := <-s.Found():
				if !ok {
					return
				}
				if report.Stop() {
					m.looking(s.Report())
				}
				m.found(s, f)
			case <-report.C:
				m.looking(s.Report())
			}
		}
	}()
	return func() {
		s.Close()
		<-done
		m.mu.Lock()
		m.asking = false
		m.mu.Unlock()
	}
}

// looking tells where the other side is looked for, once.
func (m *Meeting) looking(r lan.Report) {
	m.mu.Lock()
	again := m.current != nil
	m.mu.Unlock()
	if again {
		return
	}
	n := News{Kind: NewsLooking}
	for _, i := range r.Interfaces {
		if i.Err == nil {
			n.Interfaces = append(n.Interfaces, i.Name)
		}
	}
	if m.relay.seeker != nil {
		n.Relay = m.ways.Relay.Host()
	}
	m.tell(n)
}

// mostSighted bounds what a person is told of those who are found: strangers can be found
// under any number of names.
const mostSighted = 16

// found takes somebody in the room as a candidate, unless that side dials.
func (m *Meeting) found(s *lan.Searcher, f lan.Found) {
	if f.Searches && m.ways.Role == link.Sender {
		return
	}
	rank := rankLAN4
	if f.Addr.Addr().Is6() {
		rank = rankLAN6
	}
	c := &candidate{key: f.Addr.String(), rank: rank, instance: f.Instance, port: f.Addr.Port(), host: f.Addr.Addr(), dial: func(ctx context.Context, want link.Want) (net.Conn, error) {
		if want.Purpose == purposeRejoin && m.isPunched(f.Addr.String()) {
			return lan.Together(ctx, m.self(), f.Addr)
		}
		conn, called, err := s.Dial(ctx, f)
		if err == nil {
			m.notePunched(conn.RemoteAddr().String(), called)
		}
		return conn, err
	}}
	m.mu.Lock()
	known := slices.ContainsFunc(m.field.all, func(o *candidate) bool { return o.instance == f.Instance })
	m.field.fill([]*candidate{c})
	tell := !known && m.current == nil && m.field.sighted < mostSighted
	if tell {
		m.field.sighted++
	}
	m.mu.Unlock()
	if tell {
		m.tell(News{Kind: NewsFound, At: c.key, Interfaces: []string{f.Interface}})
	}
}

// mostPunched bounds what notePunched keeps: the links of a Meeting are few.
const mostPunched = 64

// notePunched keeps whether an address could be reached only by both sides calling, since
// the firewall of each lets in nothing else.
func (m *Meeting) notePunched(addr string, punched bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.field.punched == nil || len(m.field.punched) >= mostPunched {
		m.field.punched = make(map[string]bool)
	}
	m.field.punched[addr] = punched
}

// isPunched tells what notePunched has kept.
func (m *Meeting) isPunched(addr string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.field.punched[addr]
}

// BothCall tells whether further connections of the newest link take a call of each side, at
// ports of which the dialler's are new ones.
func (m *Meeting) BothCall() bool { return m.Path() == bothClosed }

func (m *Meeting) tell(n News) {
	if m.ways.Tell != nil {
		m.ways.Tell(n)
	}
}
