//go:build load && linux

package load

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// balancer hands each connection to the next of some servers that answers, and knows
// nothing of what is said.
type balancer struct {
	ln    net.Listener
	to    []string
	moved atomic.Int64 // bytes, both ways

	mu   sync.Mutex
	next int
	both map[net.Conn]net.Conn
	got  map[string]int // connections of each
}

func newBalancer(t *testing.T, to ...string) *balancer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b := &balancer{ln: ln, to: to, both: make(map[net.Conn]net.Conn), got: make(map[string]int)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		b.cut()
		serving.Wait()
	})
	return b
}

func (b *balancer) address() string { return b.ln.Addr().String() }

func (b *balancer) serve(conn net.Conn) {
	defer conn.Close()
	for range b.to {
		b.mu.Lock()
		to := b.to[b.next%len(b.to)]
		b.next++
		b.mu.Unlock()
		far, err := net.Dial("tcp", to)
		if err != nil {
			continue // it is not there
		}
		defer far.Close()
		b.mu.Lock()
		b.both[conn] = far
		b.got[to]++
		b.mu.Unlock()
		var ways sync.WaitGroup
		ways.Go(func() { b.copy(conn, far) })
		ways.Go(func() { b.copy(far, conn) })
		ways.Wait()
		b.mu.Lock()
		delete(b.both, conn)
		b.mu.Unlock()
		return
	}
}

// copy ends both ways: a server that is gone is told to the client at once.
func (b *balancer) copy(to, from net.Conn) {
	_, _ = io.Copy(to, &counted{from, &b.moved})
	_ = to.Close()
	_ = from.Close()
}

type counted struct {
	io.Reader
	sum *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.sum.Add(int64(n))
	return n, err
}

// cut ends all connections that there are.
func (b *balancer) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for near, far := range b.both {
		_ = near.Close()
		_ = far.Close()
	}
}

func (b *balancer) connections() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got
}
