package reach

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/reach/proxy"
)

const meetingCode = "7-copper-violin-meadow"

// side is a Meeting that takes calls on this machine, and counts wrong codes.
type side struct {
	*Meeting
	guesses chan struct{} // one for each, as it is told
}

// heard fails the test unless s is told of n wrong codes, and of no more until it is closed.
// The other side hears its answer before.
func (s *side) heard(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		select {
		case <-s.guesses:
		case <-time.After(time.Minute):
			t.Fatalf("%d wrong codes, want %d", i, n)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if more := len(s.guesses); more > 0 {
		t.Errorf("%d wrong codes, want %d", n+more, n)
	}
}

func configOf(t *testing.T, role link.Role, text string) link.Config {
	t.Helper()
	code, err := link.ParseCode(text)
	if err != nil {
		t.Fatal(err)
	}
	return link.Config{Role: role, Code: code, RetryFor: time.Minute}
}

func listening(t *testing.T, role link.Role, text string) *side {
	t.Helper()
	s := &side{guesses: make(chan struct{}, 100)}
	var err error
	if s.Meeting, err = Open(t.Context(), Ways{Role: role, Listen: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	cfg := configOf(t, role, text)
	cfg.Notify = func(e link.Event) {
		if e.Kind == link.EventRefused {
			s.guesses <- struct{}{}
		}
	}
	if err := s.Serve(cfg, "7"); err != nil {
		t.Fatal(err)
	}
	return s
}

// candidate is s as it may be found, with who answers there as instance says.
func (s *side) candidate(rank int, instance [8]byte) *candidate {
	at := s.Addr().String()
	return &candidate{key: at, rank: rank, instance: instance, dial: func(ctx context.Context, _ link.Want) (net.Conn, error) {
		return link.Dialer().DialContext(ctx, "tcp", at)
	}}
}

// searching is a Meeting that has found those.
func searching(t *testing.T, w Ways, all ...*candidate) *Meeting {
	t.Helper()
	w.Role, w.Search = link.Receiver, true
	m, err := Open(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	m.field.fill(all)
	m.asking = true // as if the LAN were
	return m
}

// met expects m to come to a link with s.
func (s *side) met(t *testing.T, m *Meeting, wait time.Duration) {
	t.Helper()
	ends := make(chan error, 1)
	go func() {
		l, err := s.Meet(t.Context(), configOf(t, link.Sender, meetingCode), 0)
		if err == nil {
			err = l.Close()
		}
		ends <- err
	}()
	l, err := m.dial(t.Context(), configOf(t, link.Receiver, meetingCode), wait)
	if err != nil {
		t.Fatalf("no link: %v", err)
	}
	_ = l.Close()
	if err := <-ends; err != nil {
		t.Errorf("at the other side: %v", err)
	}
}

func TestMeetingByAddress(t *testing.T) {
	s := listening(t, link.Sender, meetingCode)
	list, err := ParseList(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), Ways{Role: link.Receiver, Addresses: list})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	s.met(t, m, time.Minute)
	if tries := m.Tries(); len(tries) != 1 {
		t.Errorf("tries %v", tries)
	}
}

// A stranger with the same room costs itself one guess, and the other side is found all
// the same.
func TestMeetingPassesAStranger(t *testing.T) {
	stranger, s := listening(t, link.Sender, "7-tiger-violin-meadow"), listening(t, link.Sender, meetingCode)
	var passed atomic.Int64
	seen := stranger.candidate(rankLAN4, stranger.identity.Instance())
	seen.key = "where it was seen first"
	m := searching(t, Ways{Tell: func(n News) {
		if n.Kind == NewsRefused {
			passed.Add(1)
			if n.At != seen.key {
				t.Errorf("it is told of as %s", n.At)
			}
		}
	}}, seen, stranger.candidate(rankLAN6, stranger.identity.Instance()), s.candidate(rankLAN4, s.identity.Instance()))
	s.met(t, m, time.Minute)
	if err := stranger.Close(); err != nil {
		t.Error(err)
	}
	if n := len(stranger.guesses); n > 1 {
		t.Errorf("the stranger heard %d guesses", n)
	}
	if n := passed.Load(); n > 1 {
		t.Errorf("it was told %d times", n)
	}
}

// Who answers at an address in the place of who was found there hears nothing of the code.
func TestMeetingChecksWhoAnswers(t *testing.T) {
	stranger, s := listening(t, link.Sender, "7-tiger-violin-meadow"), listening(t, link.Sender, meetingCode)
	m := searching(t, Ways{}, stranger.candidate(rankLAN6, s.identity.Instance()), s.candidate(rankGiven, s.identity.Instance()))
	s.met(t, m, time.Minute)
	stranger.heard(t, 0)
}

// Where everybody that was found refuses the code, that is the outcome, once nobody else
// has come in time.
func TestMeetingRefused(t *testing.T) {
	stranger := listening(t, link.Sender, "7-tiger-violin-meadow")
	m := searching(t, Ways{}, stranger.candidate(rankLAN6, stranger.identity.Instance()))
	_, err := m.dial(t.Context(), configOf(t, link.Receiver, meetingCode), 2*time.Second)
	var le *link.Error
	if !errors.As(err, &le) || le.Code.String() == "" || !le.Remote {
		t.Errorf("%v", err)
	}
	stranger.heard(t, 1)
}

// What is found while another way is tried is dialled at once.
func TestMeetingTakesWhatComesLater(t *testing.T) {
	s := listening(t, link.Sender, meetingCode)
	m := searching(t, Ways{}, &candidate{key: "silent", dial: func(ctx context.Context, _ link.Want) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	timer := time.AfterFunc(100*time.Millisecond, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.field.fill([]*candidate{s.candidate(rankLAN4, s.identity.Instance())})
	})
	defer timer.Stop()
	s.met(t, m, time.Minute)
}

// Of a proxy's connections each goes through it, by the name that was given.
func TestMeetingThroughADial(t *testing.T) {
	s := listening(t, link.Sender, meetingCode)
	var names atomic.Int64
	w := Ways{Role: link.Receiver, Addresses: []Address{{Host: "name.invalid", Port: 7}}, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != "name.invalid:7" {
			return nil, errors.New("dialled " + addr)
		}
		names.Add(1)
		return link.Dialer().DialContext(ctx, network, s.Addr().String())
	}}
	m, err := Open(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	s.met(t, m, time.Minute)
	if names.Load() == 0 {
		t.Error("nothing was dialled through it")
	}
}

// A proxy that cannot be used ends the search at once, and what it says of an address is
// told of that address.
func TestMeetingThroughADialThatFails(t *testing.T) {
	down := &proxy.Error{Proxy: "p.example:1080", Err: errors.New("connection refused")}
	gone := &proxy.Error{Proxy: "p.example:1080", Far: true, Err: proxy.ErrRefused}
	for _, c := range []struct {
		err   error
		wait  time.Duration
		cause Cause
	}{{down, time.Hour, NoProxy}, {gone, 0, Refused}} {
		w := Ways{Role: link.Receiver, Addresses: []Address{{Host: "name.invalid", Port: 7}}, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, c.err
		}}
		m, err := Open(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if tries := m.Tries(); len(tries) != 1 || tries[0].Cause != NoAnswer {
			t.Errorf("before: %v", tries)
		}
		_, err = m.Meet(t.Context(), configOf(t, link.Receiver, meetingCode), c.wait)
		if tries := m.Tries(); err == nil || len(tries) != 1 || tries[0].Cause != c.cause || !errors.Is(tries[0].Err, c.err) {
			t.Errorf("%v: %v, %v", c.err, err, tries)
		}
		_ = m.Close()
	}
}

// An address that cannot be listened on is named once.
func TestListenErrorNamesTheAddressOnce(t *testing.T) {
	at := listening(t, link.Sender, meetingCode).Addr().String()
	_, err := Open(t.Context(), Ways{Role: link.Receiver, Listen: at})
	if err == nil || strings.Count(err.Error(), at) != 1 {
		t.Errorf("taken: %v", err)
	}
}
