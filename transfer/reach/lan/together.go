package lan

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"ferry/transfer/reach/socket"
)

// Together makes a connection to a side that answered before, where each side's firewall
// lets in only what it has called: both open it, this side from a port of its own. A pair of
// ports carries one connection, so each further one needs another port. It asks the other
// side to call until it has one, or ctx ends.
func Together(ctx context.Context, self Self, to netip.AddrPort) (net.Conn, error) {
	ln, err := socket.Listen(ctx, ":0")
	if err != nil {
		return nil, err
	}
	self.Port, self.Instance = ln.Addr().(*net.TCPAddr).AddrPort().Port(), [8]byte{}
	ctx, cancel := context.WithCancel(ctx)
	first := make(chan net.Conn)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = ln.Close() }()
	defer cancel()
	give := func(conn net.Conn) {
		select {
		case first <- conn:
		case <-ctx.Done():
			_ = conn.Close()
		}
	}
	var last error // why Open ended
	opened := make(chan struct{})
	wg.Go(func() {
		defer close(opened)
		conn, err := socket.Open(ctx, self.Port, to)
		if last = err; err == nil {
			give(conn)
		}
	})
	wg.Go(func() { takeFrom(ln, to, give) })
	s := Search(ctx, self)
	defer s.Close()
	s.callMe(1)
	select {
	case conn := <-first:
		return conn, nil
	case <-ctx.Done():
		<-opened
		if last == nil {
			last = ctx.Err()
		}
		return nil, last
	}
}

// takeFrom takes the call of the other side, which may be sooner than this side's own. It
// ends when ln is closed.
func takeFrom(ln net.Listener, to netip.AddrPort, give func(net.Conn)) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		from, _ := conn.RemoteAddr().(*net.TCPAddr)
		if from != nil && from.AddrPort().Port() == to.Port() && from.AddrPort().Addr().Unmap() == to.Addr().Unmap() {
			give(conn)
		} else {
			_ = conn.Close()
		}
	}
}
