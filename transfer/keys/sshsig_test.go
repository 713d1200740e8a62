package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// What this package signs is verified here and by ssh-keygen, and counts for nothing else.
func TestSignVerifies(t *testing.T) {
	t.Parallel()
	message := []byte("both HELLOs\x00\xff and the exporter")
	stranger := newKey(t)
	for name, s := range eachKind(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sig, err := s.Sign(t.Context(), message)
			if err != nil {
				t.Fatal(err)
			}
			if err := Verify(s.Key(), message, sig); err != nil {
				t.Error(err)
			}
			if err := Verify(s.Key(), append(message, '.'), sig); !errors.Is(err, errForged) {
				t.Errorf("another message: %v", err)
			}
			if err := Verify(stranger.Key(), message, sig); !errors.Is(err, errForged) {
				t.Errorf("another key: %v", err)
			}
			if err := Verify(s.Key(), message, append(bytes.Clone(sig), 0)); err == nil {
				t.Error("a signature with a byte behind it counts")
			}
			keygenVerifies(t, s.Key(), message, sig)
		})
	}
}

// What ssh-keygen signs is verified here, if it is what ferry asks for.
func TestVerifyKeygen(t *testing.T) {
	t.Parallel()
	keygen := program(t, "ssh-keygen")
	message := []byte("signed by OpenSSH")
	for name, kind := range map[string][]string{"ed25519": {"ed25519"}, "p256": {"ecdsa", "-b", "256"}, "p521": {"ecdsa", "-b", "521"}, "rsa": {"rsa", "-b", "3072"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "key")
			run(t, nil, keygen, append([]string{"-q", "-N", "", "-f", path, "-t"}, kind...)...)
			s, err := signerOf(readFile(t, path), nil, path)
			if err != nil {
				t.Fatal(err)
			}
			sign := func(args ...string) []byte {
				return bare(t, run(t, message, keygen, append([]string{"-q", "-Y", "sign", "-f", path}, args...)...))
			}
			if err := Verify(s.Key(), message, sign("-n", namespace)); err != nil {
				t.Error(err)
			}
			if err := Verify(s.Key(), message, sign("-n", "git")); err == nil || !strings.Contains(err.Error(), "namespace") {
				t.Errorf("a signature for another use: %v", err)
			}
			if err := Verify(s.Key(), message, sign("-n", namespace, "-O", "hashalg=sha256")); err == nil || !strings.Contains(err.Error(), "hash") {
				t.Errorf("a signature over SHA-256: %v", err)
			}
		})
	}
}

// RSA counts with SHA-512 alone, and neither too short nor too long.
func TestRSA(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, leastRSA)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("m")
	key := inner.PublicKey().Marshal()
	for _, algorithm := range []string{ssh.KeyAlgoRSA, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512} {
		sig, err := inner.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, textOf(message), algorithm)
		if err != nil {
			t.Fatal(err)
		}
		err = Verify(key, message, printSig(key, sig))
		if (err == nil) != (algorithm == ssh.KeyAlgoRSASHA512) {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	for _, bits := range []int{1024, mostRSA + 8} {
		n := new(big.Int).SetBit(new(big.Int).Rsh(private.N, uint(max(0, leastRSA-bits))), bits-1, 1)
		pub, err := ssh.NewPublicKey(&rsa.PublicKey{E: 65537, N: n})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsePublic(pub.Marshal()); err == nil || !strings.Contains(err.Error(), "bits") {
			t.Errorf("RSA of %d bits: %v", bits, err)
		}
	}
}

// tokenKey is a key as a security token has it.
type tokenKey struct {
	private ed25519.PrivateKey
	key     []byte
}

const application = "ssh:"

func newTokenKey(t *testing.T) tokenKey {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, pub, application})
	return tokenKey{private, key}
}

// sign does what a token does, with flags that tell whether somebody touched it.
func (k tokenKey) sign(message []byte, flags byte) []byte {
	app, text := sha256.Sum256([]byte(application)), sha256.Sum256(textOf(message))
	signed := append(append(app[:], flags, 0, 0, 0, 7), text[:]...)
	return printSig(k.key, &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.private, signed), Rest: []byte{flags, 0, 0, 0, 7}})
}

// A token's signature counts if somebody touched it.
func TestToken(t *testing.T) {
	t.Parallel()
	k, message := newTokenKey(t), []byte("touched")
	if err := Verify(k.key, message, k.sign(message, 1)); err != nil {
		t.Error(err)
	}
	if err := Verify(k.key, message, k.sign(message, 0)); !errors.Is(err, errForged) {
		t.Errorf("without a touch: %v", err)
	}
	keygenVerifies(t, k.key, message, k.sign(message, 1))
}

// Keys that are not taken are told so.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	good := newKey(t).Key()
	for name, key := range map[string][]byte{
		"empty":     {},
		"cut":       good[:len(good)-1],
		"longer":    append(bytes.Clone(good), 0),
		"too large": bytes.Repeat([]byte{0}, maxPublic+1),
		"dss":       ssh.Marshal(struct{ Type string }{"ssh-dss"}),
	} {
		if _, err := parsePublic(key); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// FuzzSignature: what is read prints to the same bytes, and nothing that differs from the
// signature in what it says is one.
func FuzzSignature(f *testing.F) {
	s := newKey(f)
	message := []byte("m")
	sig, err := s.Sign(f.Context(), message)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sig)
	f.Add([]byte(sigMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		blob, inner, err := parseSig(data)
		if err != nil {
			return
		}
		if !bytes.Equal(ssh.Marshal(blob), data) {
			t.Errorf("%x prints to %x", data, ssh.Marshal(blob))
		}
		if !bytes.Equal(ssh.Marshal(inner), blob.Signature) {
			t.Errorf("%x prints to %x", blob.Signature, ssh.Marshal(inner))
		}
		if err := Verify(s.Key(), message, data); err == nil && !bytes.Equal(data, sig) {
			t.Errorf("%x passes for a signature", data)
		}
	})
}
