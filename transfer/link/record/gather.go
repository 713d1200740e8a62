package record

import "sync"

// writeBuffer holds the largest frame with the overhead of its records, in bytes.
const writeBuffer = 272 << 10

// gather is the writing half of a Conn. crypto/tls writes each record of 16 KiB by
// itself; here records wait for each other until flush, or until writeBuffer is full.
type gather struct {
	mu  sync.Mutex // guards what follows
	out []byte
	err error // of the first write that failed; what was given before may be lost
}

// write adds p. It may send what waits on c.
func (g *gather) write(c *Conn, p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.out)+len(p) > writeBuffer {
		g.flushLocked(c)
	}
	if g.err != nil {
		return 0, g.err
	}
	g.out = append(g.out, p...)
	return len(p), nil
}

// seal adds the record that s makes of p. It may send what waits on c.
func (g *gather) seal(c *Conn, s *sealer, p []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.out)+head+len(p)+tag > writeBuffer {
		g.flushLocked(c)
	}
	if g.err == nil {
		g.out, g.err = s.seal(g.out, p)
	}
	return g.err
}

// flush sends what waits on c. Its error sticks.
func (g *gather) flush(c *Conn) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flushLocked(c)
	return g.err
}

func (g *gather) flushLocked(c *Conn) {
	if g.err != nil || len(g.out) == 0 {
		return
	}
	var n int
	n, g.err = c.socket().Write(g.out)
	c.traffic.Load().Add(int64(n))
	g.out = g.out[:0]
}
