//go:build unix

package link

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link/cpace"
)

// rung is a way in which a stranger spends a listener's time. It plays on a
// connection and then goes.
type rung struct {
	name string
	play func(net.Conn) error
}

// rungs are all there are, from the cheapest for the stranger to the dearest.
func rungs(t *testing.T) []rung {
	t.Helper()
	return append(append(bytesRungs(t), certificateRungs(t)...), ladderRungs()...)
}

// bytesRungs end within the TLS handshake, without a certificate.
func bytesRungs(t *testing.T) []rung {
	t.Helper()
	hello := clientHello(t)
	return []rung{
		{"connect and go", func(net.Conn) error { return nil }},
		{"garbage", func(c net.Conn) error {
			b := make([]byte, 4<<10)
			_, _ = rand.Read(b)
			return put(c, b)
		}},
		{"one byte", func(c net.Conn) error { return put(c, hello[:1]) }},
		{"ClientHello", func(c net.Conn) error {
			if err := put(c, hello); err != nil {
				return err
			}
			_, err := io.ReadFull(c, make([]byte, 1))
			return err
		}},
		{"ClientHello of 64 KiB", func(c net.Conn) error { return put(c, endlessHello()) }},
	}
}

// dressed runs TLS with a configuration that change has changed.
func dressed(t *testing.T, change func(*tls.Config)) func(net.Conn) error {
	t.Helper()
	own, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	return func(c net.Conn) error {
		conf := own.Clone()
		change(conf)
		_, err := ladderWith(c, conf)
		return err
	}
}

// certificateRungs do the TLS handshake with keys and certificates that are dear.
func certificateRungs(t *testing.T) []rung {
	t.Helper()
	with := func(change func(*tls.Config)) func(net.Conn) error { return dressed(t, change) }
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(key crypto.Signer, change func(*x509.Certificate)) [][]byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
		change(template)
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), issuer)
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{der}
	}
	withKey := func(key crypto.Signer, change func(*x509.Certificate)) func(net.Conn) error {
		chain := certificate(key, change)
		return with(func(c *tls.Config) { c.Certificates = []tls.Certificate{{Certificate: chain, PrivateKey: key}} })
	}
	plain := func(*x509.Certificate) {}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := certificate(p521, plain)[0]
	many := func(bytes int) func(net.Conn) error {
		return with(func(c *tls.Config) {
			own := c.Certificates[0]
			chain := own.Certificate[:1:1]
			for bytes := bytes - 2<<10; bytes > len(small); bytes -= len(small) + 5 {
				chain = append(chain, renumbered(small))
			}
			own.Certificate = chain
			c.Certificates = []tls.Certificate{own}
		})
	}
	return []rung{
		{"P-521 key share", with(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} })},
		{"P-521 key share and certificate", with(func(c *tls.Config) {
			c.CurvePreferences = []tls.CurveID{tls.CurveP521}
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{small}, PrivateKey: p521}}
		})},
		{"two ClientHellos", with(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256, tls.X25519} })},
		{"P-256 certificate", withKey(issuer, plain)},
		{"P-384 certificate", withKey(p384, plain)},
		{"P-521 certificate", withKey(p521, plain)},
		{"RSA certificate of 8192 bits", withKey(rsaKey(t), plain)},
		{"15 KiB of names", withKey(issuer, func(c *x509.Certificate) {
			for range 900 {
				c.URIs = append(c.URIs, &url.URL{Scheme: "a", Opaque: "b"})
			}
			for range 700 {
				c.DNSNames = append(c.DNSNames, "a.b")
			}
		})},
		{"15 KiB of certificates", many(15 << 10)},
		{"250 KB of certificates", many(250_000)},
	}
}

// ladderRungs are those after the TLS handshake.
func ladderRungs() []rung {
	return []rung{
		{"TLS", func(c net.Conn) error { _, err := shake(c); return err }},
		{"TLS and 32 changes of the key", keyChanges},
		{"HELLO", func(c net.Conn) error {
			ch, err := shake(c)
			if err == nil {
				err = sayHello(ch, func(*framing.Hello) {})
			}
			if err == nil {
				_, _, err = readHello(ch, Sender)
			}
			return err
		}},
		{"HELLO for an unknown session", func(c net.Conn) error {
			ch, err := shake(c)
			if err == nil {
				err = sayHello(ch, func(h *framing.Hello) {
					h.Purpose, h.Method, h.Session[0], h.Stream = framing.PurposeStream, framing.MethodSession, 1, 1
				})
			}
			if err == nil {
				_, err = ch.expect(framing.TypeHello)
			}
			return err
		}},
		{"HELLO, all PADs and a wrong PROOF", func(c net.Conn) error {
			ch, err := shake(c)
			if err == nil {
				err = sayHello(ch, func(*framing.Hello) {})
			}
			for i := 0; err == nil && i < maxPads; i++ {
				err = ch.send(framing.TypePad, padding())
			}
			if err != nil {
				return err
			}
			_, _, _ = readHello(ch, Sender)
			var p framing.Proof
			_ = ch.send(framing.TypeProof, p.Append(nil))
			_, err = readProof(ch)
			return err
		}},
		{"HELLO and a wrong PROOF", guessOnce},
		{"the same again, while it is refused", func(c net.Conn) error {
			return guessOnce(c) // by the addresses of the one before
		}},
	}
}

// ladderWith runs TLS with conf as a stranger.
func ladderWith(c net.Conn, conf *tls.Config) (*tls.Conn, error) {
	conn := tls.Client(c, conf)
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	// The listener has read our last flight when it says why it ends.
	_, _ = conn.Write([]byte{0, 0, 0, 0, 1})
	_, err := conn.Read(make([]byte, 100))
	return conn, err
}

func sayHello(ch *ladder, change func(*framing.Hello)) error {
	h := newHelloFor(Sender)
	h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
	change(&h)
	return ch.send(framing.TypeHello, h.Append(nil))
}

// rsaKey is a key of 8192 bits that signs nothing well: making a true one takes half
// a minute. The signature is verified all the same.
func rsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	n := make([]byte, 1024)
	_, _ = rand.Read(n)
	n[0] |= 0x80
	n[len(n)-1] |= 1
	return dudKey{&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 1<<31 - 1}}
}

type dudKey struct{ public *rsa.PublicKey }

func (k dudKey) Public() crypto.PublicKey { return k.public }
func (k dudKey) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	s := make([]byte, k.public.Size())
	s[len(s)-1] = 2
	return s, nil
}

// keyChanges sends what TLS takes of KeyUpdates, and more.
func keyChanges(conn net.Conn) error {
	var log strings.Builder
	conf, err := newTLSConfig()
	if err != nil {
		return err
	}
	conf.KeyLogWriter = &log
	c := tls.Client(conn, conf)
	if err := c.Handshake(); err != nil {
		return err
	}
	k, err := updaterOf(conn, log.String())
	if err != nil {
		return err
	}
	for range 32 {
		if err := k.update(); err != nil {
			return err
		}
	}
	return nil
}
