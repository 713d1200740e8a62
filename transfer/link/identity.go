package link

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// Identity is what a listener shows in TLS, for a caller that has to name the listener
// before it listens. It proves nothing.
type Identity struct {
	conf     *tls.Config
	instance [8]byte
}

// NewIdentity makes one that nobody has had before.
func NewIdentity() (*Identity, error) {
	conf, err := newTLSConfig()
	if err != nil {
		return nil, err
	}
	own, err := x509.ParseCertificate(conf.Certificates[0].Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("parsing our own certificate: %w", err)
	}
	return &Identity{conf, instanceOf(own)}, nil
}

// Instance is that of the listener that shows it: see Listener.Instance.
func (i *Identity) Instance() [8]byte { return i.instance }
