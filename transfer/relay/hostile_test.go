package relay

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/framing"
)

// from dials the relay from another address of the loopback, which is another source.
func from(t testing.TB, host, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Skipf("no second address of the loopback: %v", err)
	}
	return conn
}

// TestFlood: 1000 idle connections, and SEEKs without a pause, all of one source, keep
// nobody else from meeting.
func TestFlood(t *testing.T) {
	_, addr, _, _ := start(t, Config{Limits: Limits{Rooms: 1000, Links: 500, PerSource: 16}})
	var idle []net.Conn
	for range 1000 {
		idle = append(idle, from(t, "127.0.0.9", addr))
	}
	defer func() {
		for _, conn := range idle {
			conn.Close()
		}
	}()
	listener := sideOn(t, from(t, "127.0.0.2", addr))
	listener.claim("7")
	over := make(chan struct{})
	var flood sync.WaitGroup
	for range 4 {
		flood.Go(func() {
			hello := framing.RHello{MinVersion: 1, MaxVersion: 1}
			m := framing.Seek{Room: framing.RelayRoom(nil, "7")}
			for {
				select {
				case <-over:
					return
				default:
				}
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
				conn, err := d.Dial("tcp", addr)
				if err != nil {
					continue
				}
				w := framing.NewWriter(conn)
				w.WriteFrame(framing.TypeRHello, hello.Append(nil))
				w.WriteFrame(framing.TypeSeek, m.Append(nil))
				conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		})
	}
	defer flood.Wait()
	defer close(over)
	began := time.Now()
	dialler := sideOn(t, from(t, "127.0.0.3", addr))
	dialler.seek("7", [16]byte{})
	met := make(chan struct{})
	go func() { // the listener takes all calls, strangers' too
		defer close(met)
		dialler.hear(framing.TypeOK)
	}()
	for waiting := true; waiting; {
		select {
		case <-met:
			waiting = false
		default:
			typ, _, err := listener.r.Next()
			if err != nil {
				t.Fatal(err)
			}
			body, err := listener.r.Body()
			if err != nil || typ != framing.TypeKnock {
				t.Fatal(typ, err)
			}
			k, err := framing.ParseKnock(body)
			if err != nil {
				t.Fatal(err)
			}
			j := sideOn(t, from(t, "127.0.0.2", addr))
			j.say(framing.TypeJoin, (&framing.Join{Call: k.Call}).Append(nil))
			j.next() // OK, or NO for one that has gone
		}
	}
	t.Logf("met after %v; %d KiB resident, with both sides and the flood in this process", time.Since(began), resident(t))
}

// resident is how much memory this process has, in KiB.
func resident(t testing.TB) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n
}

// TestViolations: what breaks the rules is told so, once, and ends.
func TestViolations(t *testing.T) {
	_, addr, _, _ := start(t, Config{Limits: plenty()})
	hello := framing.RHello{MinVersion: 1, MaxVersion: 1}
	later := framing.RHello{MinVersion: 2, MaxVersion: 2}
	frame := func(typ framing.Type, body []byte) string {
		var b strings.Builder
		framing.NewWriter(&b).WriteFrame(typ, body)
		return b.String()
	}
	greeted := frame(framing.TypeRHello, hello.Append(nil))
	for name, c := range map[string]struct {
		said string
		want framing.Code
	}{
		"another version":      {frame(framing.TypeRHello, later.Append(nil)), framing.CodeVersion},
		"no RHELLO":            {frame(framing.TypePing, make([]byte, 4)), framing.CodeProtocol},
		"a frame of a link":    {greeted + frame(framing.TypeBye, []byte{0, 0}), framing.CodeProtocol},
		"AUTH without need":    {greeted + frame(framing.TypeAuth, make([]byte, 32)), framing.CodeProtocol},
		"a frame too long":     {greeted + "\x00\x00\x10\x00\x42", framing.CodeProtocol},
		"a ticket of zero":     {greeted + frame(framing.TypeClaim, append([]byte{0, 1}, make([]byte, 55)...)), framing.CodeProtocol},
		"a call of zero":       {greeted + frame(framing.TypeJoin, make([]byte, 16)), framing.CodeProtocol},
		"a call cut":           {greeted + frame(framing.TypeJoin, make([]byte, 15)) + "\x01", framing.CodeProtocol},
		"bytes before OK":      {greeted + frame(framing.TypeSeek, append([]byte{1}, make([]byte, 31)...)) + "x", framing.CodeProtocol},
		"SEEK on a control":    {greeted + frame(framing.TypeClaim, (&framing.Claim{Room: [16]byte{1}, Ticket: ticket}).Append(nil)) + frame(framing.TypeSeek, make([]byte, 32)), framing.CodeProtocol},
		"a JOIN of a stranger": {greeted + frame(framing.TypeJoin, append([]byte{1}, make([]byte, 15)...)), framing.CodeVanished},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(conn, c.said); err != nil {
				t.Fatal(err)
			}
			r := framing.NewReader(conn)
			for {
				typ, _, err := r.Next()
				if err != nil {
					t.Fatalf("no NO: %v", err)
				}
				body, err := r.Body()
				if err != nil {
					t.Fatal(err)
				}
				if typ != framing.TypeNo {
					continue
				}
				if m, err := framing.ParseNo(body); err != nil || m.Code != c.want {
					t.Errorf("NO with %v instead of %v, %v", m.Code, c.want, err)
				}
				break
			}
			if _, _, err := r.Next(); err != io.EOF {
				t.Errorf("%v behind the NO", err)
			}
		})
	}
}

// TestDrain: who is joined goes on, all others are sent away, and Serve ends with the last
// link.
func TestDrain(t *testing.T) {
	s, addr, drain, stop := start(t, Config{Limits: plenty()})
	listener, dialler := dial(t, addr), dial(t, addr)
	listener.claim("7")
	dialler.seek("7", [16]byte{})
	other := listener.joined(addr)
	dialler.hear(framing.TypeOK)
	seeker := dial(t, addr)
	seeker.seek("8", [16]byte{})
	seeker.hear(framing.TypeWait)
	drain()
	listener.refused(framing.CodeGaveUp)
	seeker.refused(framing.CodeGaveUp)
	passes(t, dialler.conn, other.conn, 100_000)
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("the port is open")
	}
	if f := s.figures(); f.links != 1 {
		t.Errorf("%+v", f)
	}
	halfCloses(t, dialler.conn, other.conn)
	stop() // which has nothing to cut
}

// TestMostBytes: a room that has carried what it may carries no more.
func TestMostBytes(t *testing.T) {
	limits := plenty()
	limits.Bytes = 1 << 20
	_, addr, _, _ := start(t, Config{Limits: limits})
	listener, dialler := dial(t, addr), dial(t, addr)
	listener.claim("7")
	dialler.seek("7", [16]byte{})
	other := listener.joined(addr)
	dialler.hear(framing.TypeOK)
	go dialler.conn.Write(make([]byte, 32<<20))
	if n, _ := io.Copy(io.Discard, other.conn); n < 1<<20 || n > 20<<20 {
		t.Errorf("%d bytes passed", n)
	}
	again := dial(t, addr)
	again.seek("7", [16]byte{})
	k, err := framing.ParseKnock(listener.hear(framing.TypeKnock))
	if err != nil {
		t.Fatal(err)
	}
	j := dial(t, addr)
	j.say(framing.TypeJoin, (&framing.Join{Call: k.Call}).Append(nil))
	j.refused(framing.CodeBusy)
	again.refused(framing.CodeBusy)
}
