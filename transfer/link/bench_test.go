package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"ferry/framing"
)

const benchFrame = 208 << 10 // payload of one DATA frame, bytes

// BenchmarkStream sends DATA frames over loopback TCP; BenchmarkPlainTLS writes
// the same bytes through crypto/tls alone. Compare their MB/s.
func BenchmarkStream(b *testing.B) {
	s, r := pair(b)
	head := make([]byte, 20)
	payload := make([]byte, benchFrame)
	_, _ = rand.Read(payload)
	done := make(chan error, 1)
	go func() {
		got, h := make([]byte, benchFrame), make([]byte, 20)
		for range b.N {
			_, _, err := r.Stream(0).Next()
			if err == nil {
				err = r.Stream(0).ReadFull(h)
			}
			if err == nil {
				err = r.Stream(0).ReadFull(got)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	b.SetBytes(benchFrame)
	b.ResetTimer()
	for range b.N {
		if err := s.Stream(0).Send(true, framing.TypeData, head, payload); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPlainTLS(b *testing.B) {
	conf, err := newTLSConfig()
	if err != nil {
		b.Fatal(err)
	}
	conf.DynamicRecordSizingDisabled = false
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = inner.Close() }()
	done := make(chan error, 1)
	go func() {
		c, err := inner.Accept()
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = c.Close() }()
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{tls.Server(c, conf)}, make([]byte, benchFrame))
		done <- err
	}()
	raw, err := new(net.Dialer).DialContext(context.Background(), "tcp", inner.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	c := tls.Client(raw, conf)
	payload := make([]byte, benchFrame)
	_, _ = rand.Read(payload)
	b.SetBytes(benchFrame)
	b.ResetTimer()
	for range b.N {
		if _, err := c.Write(payload); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
