package relayed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/tree/treetest"
)

// TestCertificates: a pin is enough, a certificate that no root vouches for is not, and who
// is refused learns the pin.
func TestCertificates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	pin := hex.EncodeToString(sum[:])
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	defer func() { ln.Close(); <-over }()
	for _, scheme := range []string{"tls", "wss"} {
		for name, c := range map[string]struct{ pin, words string }{
			"no root":     {"", "certificate"},
			"another pin": {strings.Repeat("ab", sha256.Size), "another key than the pin says"},
			"the pin":     {pin, ""},
		} {
			u, err := ParseURL(scheme + "://" + ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if c.pin != "" {
				if u, err = ParseURL(u.Pinned(c.pin)); err != nil {
					t.Fatal(err)
				}
			}
			if treetest.Wine() && c.words == "certificate" {
				c.words = "relay" // it has a number for it, and no words
			}
			_, err = NewSeeker(u, SeekOptions{Room: "7"}).Connect(t.Context(), link.Want{})
			var no *Error
			if !errors.As(err, &no) || !errors.Is(err, link.ErrNoWay) {
				t.Fatalf("%s %s: %v", scheme, name, err)
			}
			if c.words == "" && no.Pin != "" || c.words != "" && (no.Pin != pin || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), pin)) {
				t.Errorf("%s %s: pin %q, %v", scheme, name, no.Pin, err)
			}
		}
	}
}
