package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer/link/cpace"
	"ferry/transfer/link/record"
	"ferry/transfer/tree/treetest"
)

// crowd is how many connections a flood holds at once.
const crowd = 150

// stall is what a stranger does before it says nothing more.
type stall struct {
	name  string
	cheap bool // costs a stranger nothing
	play  func(net.Conn) error
}

// stalls are all the steps before the proof at which a stranger can stop.
func stalls(t *testing.T) []stall {
	t.Helper()
	hello := clientHello(t)
	return []stall{
		{"silent", true, func(net.Conn) error { return nil }},
		{"one byte", true, func(c net.Conn) error { return put(c, hello[:1]) }},
		{"half a ClientHello", true, func(c net.Conn) error { return put(c, hello[:len(hello)/2]) }},
		{"a ClientHello", true, func(c net.Conn) error { return put(c, hello) }},
		{"a ClientHello of 64 KiB that never ends", true, func(c net.Conn) error { return put(c, endlessHello()) }},
		{"TLS", false, func(c net.Conn) error { _, err := shake(c); return err }},
		{"half a HELLO", false, func(c net.Conn) error {
			ch, err := shake(c)
			if err != nil {
				return err
			}
			if _, err := ch.tls.Write([]byte{0, 0, 0, 80, byte(framing.TypeHello), 0}); err != nil {
				return err
			}
			return ch.raw.Flush()
		}},
		{"HELLO", false, func(c net.Conn) error {
			ch, err := shake(c)
			if err != nil {
				return err
			}
			h := newHelloFor(Sender)
			h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
			return ch.send(framing.TypeHello, h.Append(nil))
		}},
	}
}

func put(c net.Conn, b []byte) error { _, err := c.Write(b); return err }

// shake runs TLS as a stranger does.
func shake(c net.Conn) (*ladder, error) {
	conf, err := strangerConfig()
	if err != nil {
		return nil, err
	}
	ch, err := openLadder(record.NewConn(c), conf, dialling)
	if err != nil {
		return nil, err
	}
	return ch, ch.raw.Flush()
}

// strangerConfig is made once: making keys is not what is measured.
var strangerConfig = sync.OnceValues(newTLSConfig)

// clientHello is the first flight of an honest dialler.
func clientHello(t *testing.T) []byte {
	t.Helper()
	conf, err := strangerConfig()
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	go func() {
		_ = tls.Client(a, conf).Handshake() // ends with the pipe
	}()
	defer func() { _, _ = a.Close(), b.Close() }()
	head := make([]byte, 5)
	if _, err := io.ReadFull(b, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(b, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// endlessHello announces the longest ClientHello that TLS takes, and is all of
// it but the last record.
func endlessHello() []byte {
	const record = 16 << 10
	var out []byte
	for i := range 4 {
		part := make([]byte, record)
		if i == 0 {
			copy(part, []byte{1, 1, 0, 0}) // ClientHello, 65536 bytes: the header makes it 4 more
		}
		out = append(out, 0x16, 3, 1, record>>8, 0)
		out = append(out, part...)
	}
	return out
}

// flood has n connections stall, from addresses of 127/8, until the test ends.
// Those of a cheap kind come again as soon as they are thrown out. It returns
// once all have connected, and have come as far as they wanted or been thrown
// out.
func flood(t *testing.T, l *Listener, n int, s stall, from func(i int) net.IP) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg, ready sync.WaitGroup
	for i := range n {
		ready.Add(1)
		wg.Go(func() {
			arrived := sync.OnceFunc(ready.Done)
			defer arrived()
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from(i)}}
			for again := true; again && ctx.Err() == nil; again = s.cheap {
				conn, err := d.DialContext(ctx, "tcp4", l.Addr().String())
				if err != nil {
					continue
				}
				stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
				err = s.play(conn)
				arrived()
				if err == nil {
					_, _ = io.Copy(io.Discard, conn) // until it is thrown out
				}
				stop()
				_ = conn.Close()
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	ready.Wait()
}

// A crowd that stalls at any step before the proof keeps no honest peer out for
// longer than 2 s: neither from one address, the honest peer's own, nor from
// many.
func TestHonestPeerInAFlood(t *testing.T) {
	if treetest.Wine() {
		t.Skip("Wine: one server makes all connections, too slowly for what is promised here")
	}
	for _, s := range stalls(t) {
		for name, from := range map[string]func(int) net.IP{
			"one address":    func(int) net.IP { return net.IPv4(127, 0, 0, 1) },
			"many addresses": func(i int) net.IP { return net.IPv4(127, 0, 1, 1+byte(i)) },
		} {
			t.Run(s.name+", "+name, func(t *testing.T) {
				if name == "many addresses" && runtime.GOOS != "linux" {
					t.Skip("the loopback interface has one address")
				}
				l := listen(t, Config{Role: Receiver, Code: code(t, "7-right")})
				flood(t, l, crowd, s, from)
				for range 3 {
					honestGetsIn(t, l, slowed*promised)
				}
			})
		}
	}
}

// Of a thousand guesses at once from one address one is looked at, and nobody gets in.
func TestAThousandGuesses(t *testing.T) {
	var mu sync.Mutex
	var refused int
	l := listen(t, Config{Role: Receiver, Code: code(t, "7-right"), Notify: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == EventRefused {
			refused++
		}
	}})
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			conn, err := net.Dial("tcp4", l.Addr().String())
			if err != nil {
				return
			}
			defer conn.Close()
			c, err := shake(conn)
			if err != nil {
				return
			}
			p, err := newCodeProver(rand.Reader, code(t, "7-wrong"), Sender, c.exporter)
			if err != nil {
				t.Error(err)
				return
			}
			if _, _, err = dialHandshake(c, newHelloFor(Sender), p); err == nil {
				t.Error("a wrong code got in")
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	// They may take longer than its penalties of 1 and 2 s.
	if refused < 1 || refused > 3 {
		t.Errorf("%d confirmations were looked at", refused)
	}
}
