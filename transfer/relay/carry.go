package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// linkIdle is how long a link may carry nothing in either direction.
	linkIdle = 10 * time.Minute
	// lookUp is how often a copy that waits for bytes counts those that came.
	lookUp = 10 * time.Second
	// copyBuffer is for connections that the kernel cannot join.
	copyBuffer = 32 << 10
)

// link is two joined connections. Each is read by the goroutine that served it before,
// one direction each; whoever is done last ends the link.
type link struct {
	s                *Server
	seeker, listener *client
	carried          *atomic.Int64 // of the room
	total            atomic.Int64
	last             atomic.Int64 // when something came, in Unix seconds
	started          time.Time
	ctx              context.Context // ends with the link
	cancel           context.CancelFunc
	paces            [2]*pace // towards the listener, towards the seeker
	left             atomic.Int32
	cut              sync.Once
}

// halfCloser is a connection whose directions end by themselves.
type halfCloser interface{ CloseWrite() error }

// run carries what comes from one side, after the bytes that have come already, and
// returns when the link is over in this direction.
//
//  1. Wait until the other side has its OK, which must come before the bytes.
//  2. Copy, as fast as the rates allow, and count.
//  3. At the end of the stream pass the end on, and leave the other direction alone.
//  4. At an error cut both.
func (l *link) run(from *client, first []byte) {
	defer l.done()
	to, pace, bytes := l.listener, l.paces[0], l.s.counted.toListener
	if from == l.listener {
		to, pace, bytes = l.seeker, l.paces[1], l.s.counted.toSeeker
	}
	<-to.said
	count := func(n int64) bool {
		if n == 0 {
			return true
		}
		bytes.Add(int(n))
		l.total.Add(n)
		l.last.Store(time.Now().Unix())
		pace.carried(n)
		if most := l.s.cfg.Limits.Bytes; l.carried.Add(n) > most && most > 0 {
			l.s.refused(CauseBytes)
			return false
		}
		return true
	}
	if len(first) > 0 {
		if _, err := pace.wait(l.ctx); err != nil {
			l.end()
			return
		}
		if _, err := to.conn.Write(first); err != nil || !count(int64(len(first))) {
			l.end()
			return
		}
	}
	if err := l.copy(to.conn, from.conn, pace, count); err != nil {
		l.end()
		return
	}
	if h, ok := to.conn.(halfCloser); !ok || h.CloseWrite() != nil {
		l.end()
	}
}

// copy moves bytes until the stream ends, which is no error.
func (l *link) copy(to, from net.Conn, p *pace, count func(int64) bool) error {
	toTCP, ok1 := to.(*net.TCPConn)
	fromTCP, ok2 := from.(*net.TCPConn)
	if ok1 && ok2 {
		return l.splice(toTCP, fromTCP, p, count)
	}
	buf := make([]byte, copyBuffer)
	for {
		most, err := p.wait(l.ctx)
		if err != nil {
			return err
		}
		n, err := from.Read(buf[:min(len(buf), most)])
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
			if !count(int64(n)) {
				return errOver
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// errOver ends a link that carried too much.
var errOver = errors.New("too many bytes")

// splice has the kernel move bytes where it can: io.CopyN between these two types does.
func (l *link) splice(to, from *net.TCPConn, p *pace, count func(int64) bool) error {
	for {
		most, err := p.wait(l.ctx)
		if err != nil {
			return err
		}
		if err := from.SetReadDeadline(time.Now().Add(lookUp)); err != nil {
			return err
		}
		n, err := io.CopyN(to, from, int64(most))
		if !count(n) {
			return errOver
		}
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		case err == io.EOF:
			return nil
		default:
			return err
		}
	}
}

// end cuts both connections.
func (l *link) end() {
	l.cut.Do(func() {
		l.cancel()
		l.seeker.raw.Close()
		l.listener.raw.Close()
	})
}

// done is called once for each direction.
func (l *link) done() {
	if l.left.Add(-1) == 0 {
		l.end()
		l.s.linkOver(l)
	}
}

// idle says whether nothing has come for linkIdle.
func (l *link) idle(now time.Time) bool {
	return now.Unix()-l.last.Load() >= int64(linkIdle/time.Second)
}
