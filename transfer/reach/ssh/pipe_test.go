package ssh

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// halves is a connection in memory of which one half can be closed, as of a socket.
type halves struct{ net.Conn }

func (halves) CloseWrite() error { return nil }

// A Pipe that is closed keeps none of those waiting who read it, though ssh does not end. What
// comes for a moment after that is taken, and then the connection is closed.
func TestClosedPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, far := net.Pipe()
		p := newPipe(halves{own}, "host")
		began := time.Now()
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for {
					_, err := p.Read(make([]byte, 1))
					if errors.Is(err, net.ErrClosed) {
						return
					}
					if err == nil {
						t.Error("something was read")
					}
				}
			})
		}
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		readers.Wait()
		if took := time.Since(began); took > 0 {
			t.Errorf("who read waited for %v", took)
		}
		time.Sleep(farewell / 2)
		if _, err := far.Write([]byte("goodbye")); err != nil {
			t.Errorf("the goodbye is not taken: %v", err)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF || time.Since(began) != farewell {
			t.Errorf("the connection ended after %v: %v", time.Since(began), err)
		}
		if err := p.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
	})
}
