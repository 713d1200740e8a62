package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// latent is a connection on which everything arrives half a round trip later.
type latent struct {
	net.Conn
	half  time.Duration
	queue chan late
	gone  chan struct{}
	once  *sync.Once
}

type late struct {
	at time.Time
	b  []byte
}

func delayed(c net.Conn, trip time.Duration) latent {
	l := latent{c, trip / 2, make(chan late, 100_000), make(chan struct{}), new(sync.Once)}
	go func() { // ends with the connection
		for {
			select {
			case next := <-l.queue:
				select {
				case <-time.After(time.Until(next.at)):
				case <-l.gone:
					return
				}
				if _, err := c.Write(next.b); err != nil {
					return
				}
			case <-l.gone:
				return
			}
		}
	}()
	return l
}

func (l latent) Write(b []byte) (int, error) {
	l.queue <- late{time.Now().Add(l.half), bytes.Clone(b)}
	return len(b), nil
}

func (l latent) Close() error {
	l.once.Do(func() { close(l.gone) })
	return l.Conn.Close()
}

// No stream is opened while the receiver thinks about the offer: only its answer says how
// many there may be. A long path gets more with the first content, if both sides and the
// size of it allow that.
func TestStreamsComeAfterTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		trip           time.Duration
		size           int
		sends, accepts int  // --streams
		more           bool // there is more than one in the end
	}{
		"a long path":               {120 * time.Millisecond, 64 << 20, 0, 0, true},
		"a short path":              {10 * time.Millisecond, 9 << 20, 0, 0, false},
		"little to send":            {120 * time.Millisecond, 1 << 20, 0, 0, false},
		"a sender that wants one":   {120 * time.Millisecond, 9 << 20, 1, 0, false},
		"a receiver that wants one": {120 * time.Millisecond, 9 << 20, 0, 1, false},
		"a sender that wants two":   {120 * time.Millisecond, 64 << 20, 2, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := filepath.Join(t.TempDir(), "f")
				deliverytest.Write(t, src, c.size, 1)
				var dropped atomic.Int32
				near := link.Config{Role: link.Sender}
				far := link.Config{Role: link.Receiver, Notify: func(e link.Event) {
					if e.Kind == link.EventBroken {
						dropped.Add(1)
					}
				}}
				a, b, listener := deliverytest.PairOver(t, near, far, func(conn net.Conn) net.Conn { return delayed(conn, c.trip) })
				d, err := local.NewFolder(t.TempDir(), local.FolderOptions{})
				if err != nil {
					t.Fatal(err)
				}
				var asked int
				accept := func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
					time.Sleep(time.Minute) // a person thinks, in the time of the bubble
					asked = b.NumStreams()
					return nil
				}
				received := make(chan error, 1)
				go func() {
					_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, Accept: accept, Streams: c.accepts})
					received <- err
				}()
				res, err := send.Send(t.Context(), a, send.Options{Sources: deliverytest.Named(src), Streams: c.sends})
				if err := errors.Join(err, <-received, d.Close(), listener.Close()); err != nil {
					t.Error(err)
				}
				if asked != 1 || res.Streams > 1 != c.more {
					t.Errorf("%d streams at the question and %d in the end, more wanted: %v", asked, res.Streams, c.more)
				}
				if n := dropped.Load(); n > 0 {
					t.Errorf("%d connections were refused", n)
				}
			})
		})
	}
}
