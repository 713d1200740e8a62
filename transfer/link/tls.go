package link

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	alpn          = "ferry/1"
	exporterLabel = "EXPORTER-ferry-proof"
	exporterSize  = 32
	// What sessions between keys are made from; those of a code are made from the code, too.
	sessionLabel = "EXPORTER-ferry-session"
	sessionSize  = 64
)

// newTLSConfig makes a configuration for either side, with a key of its own
// that lives as long as the configuration.
func newTLSConfig() (*tls.Config, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a TLS key: %w", err)
	}
	// No date that a wrong clock could stumble over, no name: nobody reads it.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		return nil, fmt.Errorf("making a TLS certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{alpn},
		// Certificates prove nothing here and are not meant to. The proof that follows is
		// bound to this connection's exporter, which is another one on each side of a party
		// in between.
		InsecureSkipVerify:          true,
		ClientAuth:                  tls.RequireAnyClientCert,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // a frame goes out whole, so small first records only cost
		// A stranger may choose only key shares that are cheap to compute.
		CurvePreferences:      []tls.CurveID{tls.X25519MLKEM768, tls.X25519},
		VerifyPeerCertificate: cheapKey,
	}, nil
}

// instanceOf names who shows a certificate by its key: see Listener.Instance.
func instanceOf(cert *x509.Certificate) [8]byte {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return [8]byte(sum[:8])
}

var errKeyKind = errors.New("a certificate with another key than Ed25519 or ECDSA over P-256")

// cheapKey comes before the other side's signature is verified. With a key of RSA, or
// over a larger curve, that takes longer than all the rest of an honest handshake.
func cheapKey(raw [][]byte, _ [][]*x509.Certificate) error {
	cert, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return fmt.Errorf("parsing a certificate: %w", err)
	}
	switch key := cert.PublicKey.(type) {
	case ed25519.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return nil
		}
	}
	return errKeyKind
}
