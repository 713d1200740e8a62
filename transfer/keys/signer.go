package keys

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// Sizes of RSA, in bits.
const (
	leastRSA = 2048
	mostRSA  = 8192
)

// maxPublic bounds a public key in wire format, in bytes.
const maxPublic = 2048

// keyTypes are the types of keys that count.
var keyTypes = []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256}

// Signer is a key of this side, which can be told by its public half. It may be used from
// many goroutines.
type Signer struct {
	key  ssh.PublicKey
	from string
	sign func(ctx context.Context, text []byte) (*ssh.Signature, error)
}

// Key is the public key in ssh's wire format.
func (s *Signer) Key() []byte { return s.key.Marshal() }

// Fingerprint is that of the public key, as ssh shows it: SHA256 and its digest.
func (s *Signer) Fingerprint() string { return ssh.FingerprintSHA256(s.key) }

// From says where the key is: a file, or the agent with its comment.
func (s *Signer) From() string { return s.from }

// Sign makes the SSHSIG of message. An agent is asked anew each time, and may ask a person;
// ctx ends that.
func (s *Signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	sig, err := s.sign(ctx, textOf(message))
	if err != nil {
		return nil, fmt.Errorf("sign with the key %s: %w", s.Fingerprint(), err)
	}
	return printSig(s.Key(), sig), nil
}

// newSigner returns the Signer of a private key in memory.
func newSigner(private ssh.Signer, from string) (*Signer, error) {
	pub := private.PublicKey()
	if err := checkPublic(pub); err != nil {
		return nil, err
	}
	algorithm, ok := private.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("a key of type %s cannot sign as it is asked to", pub.Type())
	}
	sign := func(_ context.Context, text []byte) (*ssh.Signature, error) {
		return algorithm.SignWithAlgorithm(rand.Reader, text, algorithmOf(pub))
	}
	return &Signer{key: pub, from: from, sign: sign}, nil
}

// algorithmOf is how a key signs.
func algorithmOf(pub ssh.PublicKey) string {
	if pub.Type() == ssh.KeyAlgoRSA {
		return ssh.KeyAlgoRSASHA512
	}
	return pub.Type()
}

// isToken reports a key of a security token, whose signatures say more.
func isToken(pub ssh.PublicKey) bool {
	return pub.Type() == ssh.KeyAlgoSKED25519 || pub.Type() == ssh.KeyAlgoSKECDSA256
}

var errKeyType = errors.New("keys of that type are not taken: ferry takes ed25519, ecdsa, rsa, and those of security tokens")

// parsePublic reads a public key in wire format.
func parsePublic(key []byte) (ssh.PublicKey, error) {
	if len(key) > maxPublic {
		return nil, fmt.Errorf("the key has %d bytes, %d at most", len(key), maxPublic)
	}
	pub, err := ssh.ParsePublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	// One key has one form, or it would pass for another one.
	if string(pub.Marshal()) != string(key) {
		return nil, errors.New("read the key: it is not in the usual form")
	}
	return pub, checkPublic(pub)
}

// checkPublic refuses keys that are too weak, or of a type that is not taken.
func checkPublic(pub ssh.PublicKey) error {
	if !slices.Contains(keyTypes, pub.Type()) {
		return fmt.Errorf("%.60q: %w", pub.Type(), errKeyType)
	}
	if pub.Type() != ssh.KeyAlgoRSA {
		return nil
	}
	holder, ok := pub.(ssh.CryptoPublicKey)
	if !ok {
		return errKeyType
	}
	number, ok := holder.CryptoPublicKey().(*rsa.PublicKey)
	if !ok {
		return errKeyType
	}
	if bits := number.N.BitLen(); bits < leastRSA || bits > mostRSA {
		return fmt.Errorf("the key is RSA of %d bits, and %d to %d are taken", bits, leastRSA, mostRSA)
	}
	return nil
}

// Fingerprint is that of a key in wire format, as ssh shows it: SHA256 and its digest. It
// is of the bytes, whether or not they are a key.
func Fingerprint(key []byte) string { return ssh.FingerprintSHA256(wireKey(key)) }

// wireKey is the bytes of a key, without a look into them.
type wireKey []byte

func (k wireKey) Type() string                        { return "" }
func (k wireKey) Marshal() []byte                     { return k }
func (k wireKey) Verify([]byte, *ssh.Signature) error { return errKeyType }
