//go:build load && linux

package load

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// strangers come to the steady server until the end.
func (s *soak) strangers() {
	r := rand.New(rand.NewPCG(*seedFlag, 1<<35))
	each := min(max(*soakFlag/1000, 50*time.Millisecond), 3*time.Second)
	var here sync.WaitGroup
	for s.pause(time.Duration(r.Int64N(int64(2 * each)))) {
		kind, seed := r.IntN(len(strangeKinds)), r.Uint64()
		s.book.count("stranger " + strangeKinds[kind])
		here.Go(func() { strange(s.steady.address, kind, seed, s.ending) })
	}
	here.Wait()
}

var strangeKinds = []string{"silent", "with rubbish", "with http", "with tls", "with tls and rubbish", "gone at once"}

// strange is one connection of somebody who is no ferry. It comes from an address of the
// loopback; the server has to end it by itself, unless the test ends before.
func strange(at string, kind int, seed uint64, ending <-chan struct{}) {
	r := rand.New(rand.NewPCG(seed, 0))
	from := net.Dialer{Timeout: 30 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+r.IntN(8)))}}
	conn, err := from.Dial("tcp", at)
	if err != nil {
		return // the server may have as many strangers as it takes
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-ending:
		case <-over:
		}
		_ = conn.Close()
	}()
	rubbish := make([]byte, 1+r.IntN(64<<10))
	for i := range rubbish {
		rubbish[i] = byte(r.Uint32())
	}
	switch strangeKinds[kind] {
	case "with rubbish":
		_, _ = conn.Write(rubbish)
	case "with http":
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", at)
	case "with tls":
		_ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"ferry/1"}}).Handshake()
	case "with tls and rubbish":
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"ferry/1"}})
		if secure.Handshake() == nil {
			_, _ = secure.Write(rubbish)
		}
	case "gone at once":
		return
	}
	_, _ = io.Copy(io.Discard, conn)
}
