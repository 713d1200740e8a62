package link

import (
	"errors"
	"io"
	"net"
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer/link/memory"
	"ferry/transfer/link/record"
)

// Within makes both ends of a link inside this process. It has one stream, over memory, and
// is never joined again. There is no TLS and no proof: nobody else can be at the other end,
// or listen. Of the configurations the roles, which have to be opposite, the capabilities
// and the timeout count.
func Within(a, b Config) (*Link, *Link, error) {
	if a.Role == b.Role || a.Role != Sender && a.Role != Receiver || b.Role != Sender && b.Role != Receiver {
		return nil, nil, &Error{Code: framing.CodeInternal, Op: "dial", Err: errConfig}
	}
	x, y := memory.Pair()
	return withinOver(a, b, x, y)
}

// withinOver is Within over the two ends of a connection.
func withinOver(a, b Config, x, y net.Conn) (*Link, *Link, error) {
	ends := [2]atomic.Bool{}
	near, err := withinEnd(&a, &b, x, &ends[0], &ends[1])
	if err != nil {
		return nil, nil, err
	}
	far, err := withinEnd(&b, &a, y, &ends[1], &ends[0])
	if err != nil {
		near.Abort(err)
		return nil, nil, errors.Join(err, near.Close())
	}
	return near, far, nil
}

// withinEnd is one end, over conn, of a link whose other end is the peer's. said and heard
// tell that this end, and the other one, have ended their writing in order.
func withinEnd(own, peer *Config, conn net.Conn, said, heard *atomic.Bool) (*Link, error) {
	cfg := *own
	cfg.RetryFor = 0
	raw := record.NewConn(conn)
	l := makeLink(&cfg, session{role: cfg.Role, offers: cfg.Capabilities, caps: cfg.Capabilities & peer.Capabilities, version: framing.Version}, conn, nil)
	raw.Promote(l.tally.pulse)
	ch := &channel{raw: raw, records: &plainRecords{raw, said, heard}, reading: make(chan struct{}, 1), resent: make(chan struct{})}
	if err := l.begin(0, ch); err != nil {
		return nil, err
	}
	l.start()
	return l, nil
}

// plainRecords are bytes as they are.
type plainRecords struct {
	*record.Conn
	said, heard *atomic.Bool
}

// Read returns io.EOF at the orderly end alone.
func (r *plainRecords) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) && r.heard.Load() {
		return n, io.EOF
	}
	return n, err
}

// CloseWrite says that all was said, once it has left.
func (r *plainRecords) CloseWrite() error {
	if err := r.Flush(); err != nil {
		return err
	}
	r.said.Store(true)
	return nil
}
