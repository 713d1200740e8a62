package link

import (
	"crypto/tls"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// What may not be sent before the proof is refused by its header alone.
func TestEarlyFramesRefused(t *testing.T) {
	for name, header := range map[string][]byte{
		"a HELLO beyond 4 KiB":    {0, 0, 0x10, 1, byte(framing.TypeHello)},
		"a HELLO of 4 GiB":        {0xff, 0xff, 0xff, 0xff, byte(framing.TypeHello)},
		"a frame of no length":    {0, 0, 0, 0, byte(framing.TypeHello)},
		"data":                    {0, 0, 1, 0, byte(framing.TypeData)},
		"a PROOF without a HELLO": append([]byte{0, 0, 0, 65, byte(framing.TypeProof)}, make([]byte, 64)...),
		"an unknown type":         {0, 0, 0, 2, 0xee},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				c := stranger(t, inner.dial)
				if _, err := c.tls.Write(header); err != nil {
					t.Fatal(err)
				}
				if err := c.raw.Flush(); err != nil {
					t.Fatal(err)
				}
				_, err := c.expect(framing.TypeHello)
				wantCode(t, "refusal", err, framing.CodeProtocol)
				if waited := time.Since(start); waited != 0 {
					t.Errorf("refused after %v only", waited)
				}
				_ = l.Close()
			})
		})
	}
}

// Only TLS 1.3 with our ALPN and a client certificate gets as far as a HELLO.
func TestTLSDowngradesRefused(t *testing.T) {
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.2":        func(c *tls.Config) { c.MinVersion, c.MaxVersion = 0, tls.VersionTLS12 },
		"other ALPN":     func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
		"no ALPN":        func(c *tls.Config) { c.NextProtos = nil },
		"no certificate": func(c *tls.Config) { c.Certificates = nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				conf, err := newTLSConfig()
				if err != nil {
					t.Fatal(err)
				}
				change(conf)
				conn, err := inner.dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				c := tls.Client(conn, conf)
				err = c.Handshake()
				if err == nil {
					h := newHelloFor(Sender)
					h.Share = make([]byte, shareSize)
					_ = framing.NewWriter(c).WriteFrame(framing.TypeHello, h.Append(nil))
					_, err = c.Read(make([]byte, 1))
				}
				if err == nil {
					t.Error("the listener answered")
				}
				_ = conn.Close()
				_ = l.Close()
			})
		})
	}
	// And the same against a dialler.
	conf, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	conf.NextProtos = nil
	a, b := newMemoryConns()
	go func() { _ = tls.Server(b, conf).Handshake() }()
	own, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openChannel(newCoalescer(a), own, dialling); !errors.Is(err, errNotFerry) {
		t.Errorf("a server without ALPN: %v", err)
	}
	_ = a.Close()
}
