package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach"
)

func places(t *testing.T, text string) []reach.Address {
	t.Helper()
	list, err := reach.ParseList(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// tried is what became of the addresses in text, in their order.
func tried(t *testing.T, text string, errs ...error) []reach.Try {
	t.Helper()
	var all []reach.Try
	for i, a := range places(t, text) {
		all = append(all, reach.Try{Address: a, Cause: reach.CauseOf(errs[i]), Err: errs[i]})
	}
	return all
}

func refusedCall() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.OpError{Op: "connect", Err: syscall.ECONNREFUSED}}
}

func noWay() error { return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH} }

// The line that changes says all that fits, and its clocks as long as they do.
func TestSearchLine(t *testing.T) {
	began := time.Unix(1000, 0)
	for _, tc := range []struct {
		tries []reach.Try
		room  int
		want  string
	}{
		{tried(t, "192.0.2.7,10.0.0.3", nil, nil), 79, "trying 192.0.2.7, 10.0.0.3: no answer yet, 0:06 of 1:00"},
		{tried(t, "192.0.2.7,10.0.0.3", nil, nil), 52, "trying 192.0.2.7 and 1 more: no answer yet"},
		{tried(t, "192.0.2.7,10.0.0.3", nil, nil), 20, "trying 192.0.2.7 and"},
		{tried(t, "192.0.2.7:1", syscall.ECONNREFUSED), 79, "trying 192.0.2.7:1: nothing listens there yet, 0:06 of 1:00"},
		{tried(t, "192.0.2.7,10.0.0.3", nil, refusedCall()), 0, "trying 192.0.2.7 (no answer yet), 10.0.0.3 (nothing listens there yet), 0:06 of 1:00"},
		{tried(t, "192.0.2.7,10.0.0.3,nas", nil, noWay(), &net.DNSError{IsNotFound: true}), 79, "trying 192.0.2.7 and 2 more: no answer yet, 0:06 of 1:00"},
		{[]reach.Try{{Address: places(t, "nas")[0], Cause: reach.NoName}}, 79, "trying nas: its name is looked up, 0:06 of 1:00"},
		{tried(t, "nas", &net.DNSError{IsNotFound: true}), 79, "trying nas: no machine of that name is known, 0:06 of 1:00"},
	} {
		s := &search{tries: func() []reach.Try { return tc.tries }, began: began, wait: time.Minute}
		if got := s.line(began.Add(6*time.Second), tc.room); got != tc.want {
			t.Errorf("in %d columns:\n%s\nwant:\n%s", tc.room, got, tc.want)
		}
	}
}

// A line about one attempt names what was at fault in it alone, as it was given.
func TestWaitingText(t *testing.T) {
	at := func(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }
	refused := &link.Error{Code: framing.CodeCodeRefused, Remote: true, Op: "handshake"}
	for _, tc := range []struct {
		addr string
		err  error
		want string
	}{
		{"192.0.2.7:33779,10.0.0.3:4000", &link.AnsweredError{Addr: at("10.0.0.3:4000"), Err: refused}, "trying 10.0.0.3:4000: it refused the code"},
		{"192.0.2.7:33779,10.0.0.3:4000", &link.AnsweredError{Addr: at("192.0.2.7:33779"), Err: link.ErrNotFerry}, "trying 192.0.2.7: another program listens there"},
		{"nas:4000", refusedCall(), "trying nas:4000: nothing listens there yet"},
		{"nas:33779", refusedCall(), "trying nas: nothing listens there yet"},
		{"[2001:db8::7]:33779", refusedCall(), "trying 2001:db8::7: nothing listens there yet"},
	} {
		if got := waitingText(link.Event{Kind: link.EventWaiting, Addr: tc.addr, Err: tc.err}); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

// Where no line can be redrawn there are fewer and fewer of them.
func TestSearchLinesGetRare(t *testing.T) {
	began := time.Unix(1000, 0)
	s := &search{tries: func() []reach.Try { return tried(t, "192.0.2.7", nil) }, began: began, wait: time.Hour}
	var at []string
	for d := time.Duration(0); d < 5*time.Minute; d += lineTick {
		if now := began.Add(d); s.known(now) && s.takesLine(now) {
			at = append(at, d.String())
		}
	}
	if got, want := strings.Join(at, " "), "5s 15s 35s 1m15s 2m35s"; got != want {
		t.Errorf("lines at %s, want %s", got, want)
	}
}

// Each cause has a hint of its own, with commands for the right sides.
func TestHints(t *testing.T) {
	answered := func(err error) error { return &link.AnsweredError{Err: err} }
	for _, tc := range []struct {
		args string
		role link.Role
		err  error
		want []string
	}{
		{"ferry send --to 192.0.2.7 f", link.Sender, refusedCall(), []string{"nothing listens on its port 33779. There", "\n    ferry receive"}},
		{"ferry receive --from 192.0.2.7:5", link.Receiver, refusedCall(), []string{"port 5 (the default is 33779)", "\n    ferry send --listen :5 PATH..."}},
		{"ferry send -v --to=192.0.2.7 --wait 5s f", link.Sender, nil, []string{"let TCP port 33779 in there", "\n    here:  ferry send -v f\n    there: ferry receive --from "}},
		{"ferry receive -y 192.0.2.7 -o x", link.Receiver, nil, []string{"firewall", "\n    here:  ferry receive -y -o x\n    there: ferry send --to ", " PATH..."}},
		{"ferry receive --from nas -o nas", link.Receiver, nil, []string{"\n    here:  ferry receive -o nas\n"}},
		{"ferry receive -o nas --from=nas", link.Receiver, nil, []string{"\n    here:  ferry receive -o nas\n"}},
		{"ferry receive -o nas nas", link.Receiver, nil, []string{"\n    here:  ferry receive -o nas\n"}},
		{"ferry send --to 10.0.0.5 f", link.Sender, nil, []string{"and this machine on the same network?", "\n    here:  ferry send f"}},
		{"ferry send --to 192.0.2.7 f", link.Sender, noWay(), []string{"and that machine on", "here:  ferry send f"}},
		{"ferry send --to 192.0.2.7 f", link.Sender, syscall.ENETUNREACH, []string{"on no network that leads there"}},
		{"ferry send --to nas f", link.Sender, &net.DNSError{}, []string{"is the name right"}},
		{"ferry send --to 192.0.2.7 f", link.Sender, answered(context.DeadlineExceeded), []string{"forwarded to nowhere"}},
		{"ferry send --to 192.0.2.7 f", link.Sender, answered(link.ErrNotFerry), []string{"the one that the other side prints", "\n    ferry receive --listen :33780"}},
		{"ferry send --to 192.0.2.7 f", link.Sender, &link.Error{Code: framing.CodeBusy, Remote: true}, []string{"a minute after a wrong code", "\n    ferry send --to 192.0.2.7 f"}},
		{"ferry send --to 192.0.2.7 f", link.Sender, answered(link.ErrSameRole), []string{"wants to send too: one side has to receive. Here", "\n    ferry receive --from 192.0.2.7"}},
	} {
		p := pairing{verb: verbOf(tc.role), role: tc.role}
		host := "192.0.2.7"
		for _, h := range []string{"nas", "192.0.2.7:5", "10.0.0.5"} {
			if strings.Contains(tc.args, h) {
				host = h
			}
		}
		p.to = places(t, host)
		c := &connection{pairing: p, args: strings.Fields(tc.args), tries: func() []reach.Try { return []reach.Try{{Address: p.to[0], Cause: reach.CauseOf(tc.err)}} }}
		got := c.hintFor(reach.Try{Address: p.to[0], Cause: reach.CauseOf(tc.err), Err: tc.err})
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s after %v: no %q in\n%s", tc.args, tc.err, want, got)
			}
		}
	}
}

// What a listener prints, by what its addresses are.
func TestInvitation(t *testing.T) {
	for _, tc := range []struct {
		at    string
		scope reach.Scope
		want  string
		held  string
	}{
		{"192.0.2.7", reach.Anywhere, "listening on 192.0.2.7:33779\non the other machine run:\n    ferry receive --from 192.0.2.7\nand if it asks, give it the code in FERRY_CODE", codeVariable},
		{"192.0.2.7,10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4", reach.Anywhere, "listening on 192.0.2.7:33779, 10.0.0.1:33779, 10.0.0.2:33779, 10.0.0.3:33779\non the other machine run:\n    ferry receive --from \"192.0.2.7,10.0.0.1,10.0.0.2,10.0.0.3\"", ""},
		{"10.0.0.1:5", reach.OwnNetwork, "listening on 10.0.0.1:5\nonly machines on the same network can reach it\non the other machine run:\n    ferry receive --from 10.0.0.1:5", ""},
		{"fe80::1%INTERFACE", reach.OwnNetwork, "listening on [fe80::1%INTERFACE]:33779\nonly machines on the same network can reach it\non the other machine run:\n    ferry receive --from fe80::1%INTERFACE\nwith that machine's own name of the network, such as eth0, for INTERFACE", ""},
		{"127.0.0.1", reach.OwnMachine, "listening on 127.0.0.1:33779\nonly this machine can reach it\nin another terminal run:\n    ferry receive --from 127.0.0.1", ""},
	} {
		v := invitation{role: link.Sender, at: places(t, tc.at), scope: tc.scope, held: tc.held}
		if got := strings.Join(v.lines(), "\n"); got != tc.want {
			t.Errorf("got:\n%s\nwant:\n%s", got, tc.want)
		}
		if n := len(v.addresses()); n != len(v.at) {
			t.Errorf("%d of %d addresses for programs", n, len(v.at))
		}
	}
}

// A listener that nobody calls says so once, and one that was called does not.
func TestUncalled(t *testing.T) {
	defer goleak.VerifyNone(t, certCleanups()...)
	code, err := link.ParseCode(aCode)
	if err != nil {
		t.Fatal(err)
	}
	m, err := reach.Open(t.Context(), reach.Ways{Role: link.Sender, Listen: "127.0.0.1:0"})
	if err == nil {
		err = m.Serve(link.Config{Role: link.Sender, Code: code}, code.Room())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	c := &connection{pairing: pairing{verb: "send", role: link.Sender}, args: []string{"ferry", "send", "--listen", ":5", "--wait=1m", "a b"}, meeting: m}
	v := invitation{role: link.Sender, at: places(t, "192.0.2.7:5"), scope: reach.Anywhere}
	said := func() string {
		var out bytes.Buffer
		on := newConsole(&out, outputFlags{}, nil, nil)
		c.remind(t.Context(), 0, v, on)
		on.screen.close()
		return out.String()
	}
	got := said()
	for _, want := range []string{"nobody has called yet; is port 5 open here?", "\n    there: ferry receive\n", "\n    here:  ferry send --to ADDRESS " + command("a b") + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	conn, err := net.Dial("tcp", m.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for m.Calls() == 0 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond) // polls the accept loop
	}
	if got := said(); got != "" {
		t.Errorf("after a call: %s", got)
	}
}

// The better cause stays in what is said at the end.
func TestExplainKeepsTheBetterCause(t *testing.T) {
	p := pairing{verb: "send", role: link.Sender, to: places(t, "127.0.0.1:1")}
	m, err := reach.Open(t.Context(), reach.Ways{Role: link.Sender, Addresses: p.to})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	c := &connection{pairing: p, args: []string{"ferry", "send", "--to", "127.0.0.1:1", "f"}, tries: m.Tries}
	code, err := link.GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Meet(t.Context(), link.Config{Role: p.role, Code: code}, 0); codeOf(err) != framing.CodeLost {
		t.Skipf("something listens on port 1: %v", err)
	}
	late := &link.Error{Code: framing.CodeTimeout, Op: "dial", Err: context.DeadlineExceeded}
	err = c.explain(late)
	var settled *exitError
	if !errors.As(err, &settled) || settled.exit != exitConnection || !strings.Contains(err.Error(), "nothing listens there") {
		t.Errorf("%v", err)
	}
	refused := &link.Error{Code: framing.CodeCodeRefused, Remote: true}
	if got := c.explain(fmt.Errorf("%w", refused)); !errors.Is(got, refused) {
		t.Errorf("a refused code became %v", got)
	}
	if c.explain(nil) != nil {
		t.Error("a success is explained")
	}
}
