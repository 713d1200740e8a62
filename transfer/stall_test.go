package transfer_test

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// creeping is a connection of 1 KB/s each way behind a large buffer, as sockets
// have.
type creeping struct {
	net.Conn
	queue chan []byte
	gone  chan struct{}
	once  *sync.Once
}

func creep(c net.Conn) creeping {
	slow := creeping{c, make(chan []byte, 10_000), make(chan struct{}), new(sync.Once)}
	go func() {
		for {
			select {
			case b := <-slow.queue:
				for ; len(b) > 0; b = b[min(1000, len(b)):] {
					select {
					case <-time.After(time.Second):
					case <-slow.gone:
						return
					}
					if _, err := c.Write(b[:min(1000, len(b))]); err != nil {
						return
					}
				}
			case <-slow.gone:
				return
			}
		}
	}()
	return slow
}

func (c creeping) Write(b []byte) (int, error) {
	c.queue <- bytes.Clone(b)
	return len(b), nil
}

func (c creeping) Close() error {
	c.once.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

// Over a link of 1 KB/s one piece of a chunk takes longer than nothing may move.
func TestSlowestLinkIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := filepath.Join(t.TempDir(), "f")
		deliverytest.Write(t, src, 1200<<10, 1)
		a, b, listener := deliverytest.PairOver(t, link.Config{Role: link.Sender}, link.Config{Role: link.Receiver}, func(c net.Conn) net.Conn { return creep(c) })
		d, err := local.NewFolder(t.TempDir(), local.FolderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		received := make(chan error, 1)
		go func() {
			_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d})
			received <- err
		}()
		res, err := send.Send(t.Context(), a, send.Options{Sources: deliverytest.Named(src)})
		if err := errors.Join(err, <-received, d.Close(), listener.Close()); err != nil {
			t.Error(err)
		}
		if res.Elapsed < 20*time.Minute {
			t.Errorf("took %v", res.Elapsed)
		}
	})
}
