package hostile

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/tree/treetest"
)

// gate is a connection whose writes can be stopped: they wait until it is closed,
// as for a peer that reads no more.
type gate struct {
	net.Conn
	shut, hit, closed chan struct{}
	once, stopped     sync.Once
}

func (g *gate) Write(p []byte) (int, error) {
	select {
	case <-g.shut:
		g.stopped.Do(func() { close(g.hit) })
		<-g.closed
		return 0, net.ErrClosed
	default:
		return g.Conn.Write(p)
	}
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Conn.Close()
}

// finishing is a destination that tells when it has finished.
type finishing struct {
	storage.Destination
	finish func()
}

func (f finishing) Finish() (storage.Report, error) {
	defer f.finish()
	return f.Destination.Finish()
}

// A sender that does not take its receipt keeps nobody: the receiver can be
// interrupted, and the delivery is complete all the same.
func TestReceiptThatNobodyTakes(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	code, err := link.ParseCode("7-copper-violin-meadow")
	deliverytest.Must(t, err)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	deliverytest.Must(t, err)
	listener, err := link.Serve(inner, link.Config{Role: link.Sender, Code: code})
	deliverytest.Must(t, err)
	defer listener.Close()
	g := &gate{shut: make(chan struct{}), hit: make(chan struct{}), closed: make(chan struct{})}
	b, err := link.Dial(t.Context(), listener.Addr().String(), link.Config{
		Role: link.Receiver, Code: code,
		Connect: func(ctx context.Context, w link.Want) (net.Conn, error) {
			var err error
			g.Conn, err = new(net.Dialer).DialContext(ctx, "tcp", w.Addr)
			return g, err
		},
	}, time.Minute)
	deliverytest.Must(t, err)
	a, err := listener.Accept(t.Context())
	deliverytest.Must(t, err)
	d, err := local.NewFolder(t.TempDir(), local.FolderOptions{})
	deliverytest.Must(t, err)
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type outcome struct {
		res transfer.Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		res, err := receive.Receive(ctx, b, receive.Options{
			Destination: finishing{d, func() { close(g.shut) }},
		})
		done <- outcome{res, err}
	}()
	p := &peer{t: t, l: a}
	p.offer()
	p.until(framing.TypeAccept)
	p.entries(1, symlink(0, "l", "x"))
	p.end(1)
	<-g.hit
	cancel()
	got := <-done
	if got.err != nil || got.res.Delivered != 1 || got.res.Acknowledged {
		t.Errorf("%+v, %v", got.res, got.err)
	}
	a.Abort(nil)
	_ = a.Close()
}
