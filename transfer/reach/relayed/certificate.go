package relayed

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// strangeError says why a certificate is not believed, and which pin it has: who trusts
// that relay can give the pin.
type strangeError struct {
	err error
	pin [sha256.Size]byte
}

func (e *strangeError) Error() string { return fmt.Sprintf("%v: its pin is sha256=%x", e.err, e.pin) }
func (e *strangeError) Unwrap() error { return e.err }

var errPinned = errors.New("the certificate has another key than the pin says")

// config is for TLS to the relay. A pin says more than the system's roots, and stands for
// them.
func (u URL) config() *tls.Config {
	return &tls.Config{
		ServerName: u.host, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // verify does it, to say more
		VerifyConnection:   u.verify,
	}
}

// verify holds the key of the certificate against the pin, or its chain against the
// system's roots.
func (u URL) verify(state tls.ConnectionState) error {
	first := state.PeerCertificates[0]
	got := sha256.Sum256(first.RawSubjectPublicKeyInfo)
	if u.pin != "" {
		if string(got[:]) != u.pin {
			return &strangeError{errPinned, got}
		}
		return nil
	}
	options := x509.VerifyOptions{DNSName: u.host, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := first.Verify(options); err != nil {
		return &strangeError{err, got}
	}
	return nil
}
