package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/cpace"
	"ferry/transfer/link/memory"
	"ferry/transfer/link/record"
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

// renumbered is a certificate with another serial number: crypto/tls keeps those
// that it has parsed. Nobody looks at its signature.
func renumbered(der []byte) []byte {
	out := append([]byte(nil), der...)
	_, _ = rand.Read(out[len(out)-8:])
	return out
}

// Neither side takes a TLS handshake of more than 16 KiB, nor a certificate whose
// signature is dear to verify.
func TestHandshakesAreBounded(t *testing.T) {
	const mostSaid = 16 << 10
	long := func(c *tls.Config) {
		own := c.Certificates[0]
		for range mostSaid / len(own.Certificate[0]) {
			own.Certificate = append(own.Certificate, renumbered(own.Certificate[0]))
		}
		c.Certificates = []tls.Certificate{own}
	}
	dear := func(c *tls.Config) {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	}
	for name, tc := range map[string]struct {
		change func(*tls.Config)
		want   string
	}{"a long one": {long, "more than 16384 bytes"}, "a dear one": {dear, errKeyKind.Error()}} {
		for _, victim := range []side{dialling, listening} {
			t.Run(fmt.Sprint(name, victim), func(t *testing.T) {
				theirs, err := newTLSConfig()
				if err != nil {
					t.Fatal(err)
				}
				tc.change(theirs)
				own, err := newTLSConfig()
				if err != nil {
					t.Fatal(err)
				}
				near, far := memory.Pair()
				var wg sync.WaitGroup
				wg.Go(func() {
					conn := tls.Client(far, theirs)
					if victim == dialling {
						conn = tls.Server(far, theirs)
					}
					_ = conn.Handshake()
					_, _ = conn.Read(make([]byte, 1))
				})
				taken := &tallied{Conn: near}
				raw := record.NewConn(taken)
				if _, err := openLadder(raw, own, victim); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v, want: %s", err, tc.want)
				}
				if taken.bytes > mostSaid+4<<10 {
					t.Errorf("%d bytes were taken", taken.bytes)
				}
				_ = near.Close()
				wg.Wait()
			})
		}
	}
}

// tallied counts what is read.
type tallied struct {
	*memory.Conn
	bytes int
}

func (c *tallied) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes += n
	return n, err
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
					h.Share = make([]byte, cpace.ShareSize)
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
	a, b := memory.Pair()
	go func() { _ = tls.Server(b, conf).Handshake() }()
	own, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openLadder(record.NewConn(a), own, dialling); !errors.Is(err, errNotFerry) {
		t.Errorf("a server without ALPN: %v", err)
	}
	_ = a.Close()
}

// A program that sends back what it gets is no ferry, and one that hangs up may be one.
func TestDiallersKnowOtherPrograms(t *testing.T) {
	for _, tc := range []struct {
		name  string
		speak func(net.Conn)
		other bool
	}{
		{"echo", func(c net.Conn) { _, _ = io.Copy(c, c) }, true},
		{"HTTP", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4<<10))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c) // an end may be told before what was said
		}, true},
		{"an end", func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			own, err := newTLSConfig()
			if err != nil {
				t.Fatal(err)
			}
			a, b := memory.Pair()
			var other sync.WaitGroup
			other.Go(func() {
				tc.speak(b)
				_ = b.Close()
			})
			_, err = openLadder(record.NewConn(a), own, dialling)
			_ = a.Close()
			other.Wait()
			if err == nil || errors.Is(err, ErrNotFerry) != tc.other {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
