package keys

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// What a signature is bound to, and how it is made.
const (
	namespace = "ferry@1"
	hashName  = "sha512"
	sigMagic  = "SSHSIG"
	// maxSig bounds a signature blob, in bytes. One by RSA of 8192 bits has 2200.
	maxSig = 4096
)

// sigBlob is a signature as PROTOCOL.sshsig has it, without armour.
type sigBlob struct {
	Magic     [6]byte
	Version   uint32
	Key       []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

// sigText is what the key signs.
type sigText struct {
	Magic     [6]byte
	Namespace string
	Reserved  string
	Hash      string
	Digest    []byte
}

var errForged = errors.New("the signature is none of that key")

func magic() (m [6]byte) {
	copy(m[:], sigMagic)
	return m
}

func textOf(message []byte) []byte {
	digest := sha512.Sum512(message)
	return ssh.Marshal(sigText{Magic: magic(), Namespace: namespace, Hash: hashName, Digest: digest[:]})
}

// Verify returns nil if sshsig is a signature of message in the namespace ferry@1 by key,
// which is in ssh's wire format. sshsig is the blob of PROTOCOL.sshsig without armour.
func Verify(key, message, sshsig []byte) error {
	pub, err := parsePublic(key)
	if err != nil {
		return err
	}
	blob, sig, err := parseSig(sshsig)
	if err != nil {
		return err
	}
	switch {
	case blob.Namespace != namespace:
		return fmt.Errorf("the signature is for the namespace %.40q, and not for %s", blob.Namespace, namespace)
	case blob.Hash != hashName:
		return fmt.Errorf("the signature is over the hash %.40q, and not over %s", blob.Hash, hashName)
	case !bytes.Equal(blob.Key, key):
		return fmt.Errorf("%w: it names another one", errForged)
	case sig.Format != algorithmOf(pub):
		return fmt.Errorf("the signature is made by %.40q, and %s is asked for", sig.Format, algorithmOf(pub))
	case len(sig.Rest) > 0 && !isToken(pub):
		return errSigShape
	}
	if err := pub.Verify(textOf(message), sig); err != nil {
		return fmt.Errorf("%w: %w", errForged, err)
	}
	return nil
}

var errSigShape = errors.New("the signature is not in the form of SSHSIG")

// parseSig takes a blob apart. What it accepts is printed back to the same bytes.
func parseSig(data []byte) (blob sigBlob, sig *ssh.Signature, err error) {
	if len(data) > maxSig {
		return blob, nil, fmt.Errorf("%w: %d bytes, %d at most", errSigShape, len(data), maxSig)
	}
	if err := ssh.Unmarshal(data, &blob); err != nil {
		return blob, nil, fmt.Errorf("%w: %w", errSigShape, err)
	}
	sig = new(ssh.Signature)
	if err := ssh.Unmarshal(blob.Signature, sig); err != nil {
		return blob, nil, fmt.Errorf("%w: %w", errSigShape, err)
	}
	switch {
	case blob.Magic != magic():
		return blob, nil, fmt.Errorf("%w: it does not begin with %s", errSigShape, sigMagic)
	case blob.Version != 1:
		return blob, nil, fmt.Errorf("%w: its version is %d, and not 1", errSigShape, blob.Version)
	}
	return blob, sig, nil
}

// printSig makes the blob of what key signed.
func printSig(key []byte, sig *ssh.Signature) []byte {
	return ssh.Marshal(sigBlob{Magic: magic(), Version: 1, Key: key, Namespace: namespace, Hash: hashName, Signature: ssh.Marshal(sig)})
}
