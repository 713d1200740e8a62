package link

import (
	"io"
	"testing"

	"ferry/framing"
)

// What crosses the connections is counted in both directions and with what
// protects it, and both ends come to the same.
func TestTraffic(t *testing.T) {
	a, b := pair(t)
	before := a.Traffic()
	if before < 1000 {
		t.Errorf("the handshake and the proof took %d bytes", before)
	}
	const frames, size = 40, 200 << 10
	ended := make(chan error, 1)
	go func() {
		for {
			ty, _, err := b.Stream(0).Next()
			if err == nil {
				_, err = b.Stream(0).Body()
			}
			if err == nil && ty == framing.TypeEnd {
				err = io.EOF
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	for range frames {
		if err := a.Stream(0).Send(false, framing.TypePack, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Stream(0).Send(true, framing.TypeEnd, (&framing.End{}).Append(nil)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != io.EOF {
		t.Fatal(err)
	}
	for _, l := range []*Link{a, b} {
		// TLS adds 22 bytes to each 16 KiB.
		if n := l.Traffic() - before; n < frames*size || n > frames*size*102/100 {
			t.Errorf("%d bytes were counted for %d", n, frames*size)
		}
	}
}
