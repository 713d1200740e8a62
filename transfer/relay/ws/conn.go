package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// maxMessage is the longest message that is sent, in bytes.
const maxMessage = 256 << 10

// Conn is one side of the stream.
type Conn struct {
	c             *websocket.Conn
	ctx           context.Context
	cancel        context.CancelFunc
	local, remote net.Addr
	r             io.Reader // of the current message; nil: none
	ended         bool      // the other side's direction

	mu    sync.Mutex
	read  *time.Timer // cancels at a deadline; nil: none
	write *time.Timer
}

// Accept answers a request for a WebSocket. The Conn outlives the request.
func Accept(w http.ResponseWriter, r *http.Request, local, remote net.Addr) (*Conn, error) {
	// No browser comes here with somebody's cookies, so the origin does not matter.
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	return newConn(c, local, remote), nil
}

// Dial opens a WebSocket at a URL of ws or wss. client says how to connect: its transport
// has the roots, the pin and the dialler. The addresses are what LocalAddr and RemoteAddr
// say.
func Dial(ctx context.Context, url string, client *http.Client, local, remote net.Addr) (*Conn, error) {
	c, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client})
	if err != nil && answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("the web server answers %q, and gives no WebSocket: is the path right?", answer.Status)
	}
	if err != nil {
		return nil, err
	}
	return newConn(c, local, remote), nil
}

func newConn(c *websocket.Conn, local, remote net.Addr) *Conn {
	c.SetReadLimit(-1) // a message is read in pieces, and never held whole
	ctx, cancel := context.WithCancel(context.Background())
	return &Conn{c: c, ctx: ctx, cancel: cancel, local: local, remote: remote}
}

func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for !c.ended {
		fresh := c.r == nil
		if fresh {
			kind, r, err := c.c.Reader(c.ctx)
			if err != nil {
				return 0, ofClose(err)
			}
			if kind != websocket.MessageBinary {
				return 0, errors.New("websocket: a text where bytes were expected")
			}
			c.r = r
		}
		n, err := c.r.Read(p)
		if err == io.EOF {
			c.r, err = nil, nil
			c.ended = fresh && n == 0
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// ofClose has the other side's orderly close be the end of the stream.
func ofClose(err error) error {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway:
		return io.EOF
	}
	return err
}

func (c *Conn) Write(p []byte) (n int, err error) {
	for n < len(p) {
		piece := p[n:min(len(p), n+maxMessage)]
		if err := c.c.Write(c.ctx, websocket.MessageBinary, piece); err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// CloseWrite ends this side's direction.
func (c *Conn) CloseWrite() error { return c.c.Write(c.ctx, websocket.MessageBinary, nil) }

// Close ends both directions, without waiting for the other side.
func (c *Conn) Close() error {
	c.setDeadline(&c.read, time.Time{})
	c.setDeadline(&c.write, time.Time{})
	c.cancel()
	return c.c.CloseNow()
}

// LocalAddr is what the Conn was made with.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is what the Conn was made with.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline has the connection be cut at t.
func (c *Conn) SetDeadline(t time.Time) error {
	c.setDeadline(&c.read, t)
	c.setDeadline(&c.write, t)
	return nil
}

// SetReadDeadline has the connection be cut at t.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.setDeadline(&c.read, t)
	return nil
}

// SetWriteDeadline has the connection be cut at t.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.setDeadline(&c.write, t)
	return nil
}

func (c *Conn) setDeadline(timer **time.Timer, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *timer != nil {
		(*timer).Stop()
		*timer = nil
	}
	if !t.IsZero() {
		*timer = time.AfterFunc(time.Until(t), c.cancel)
	}
}
