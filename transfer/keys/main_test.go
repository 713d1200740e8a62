package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program skips the test without a program that is its oracle.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: %v", name, err)
	}
	return path
}

func run(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return out
}

// keygen has ssh-keygen make a key pair, with a passphrase or "".
func keygen(t *testing.T, path, passphrase string, kind ...string) {
	t.Helper()
	run(t, nil, program(t, "ssh-keygen"), append([]string{"-q", "-N", passphrase, "-C", "alice@laptop", "-f", path, "-t"}, kind...)...)
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newKey(t testing.TB) *Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signerFor(t, private)
}

func signerFor(t testing.TB, private crypto.Signer) *Signer {
	t.Helper()
	inner, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSigner(inner, "memory")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eachKind makes a key of each kind that signs here.
func eachKind(t *testing.T) map[string]*Signer {
	t.Helper()
	all := map[string]*Signer{"ed25519": newKey(t)}
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = signerFor(t, private)
	}
	private, err := rsa.GenerateKey(rand.Reader, leastRSA)
	if err != nil {
		t.Fatal(err)
	}
	all["rsa"] = signerFor(t, private)
	return all
}

// armour wraps a signature as ssh-keygen -Y does.
func armour(sig []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: sig})
}

func bare(t *testing.T, armoured []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(armoured)
	if block == nil || block.Type != "SSH SIGNATURE" {
		t.Fatalf("no signature in %q", armoured)
	}
	return block.Bytes
}

// keygenVerifies asks ssh-keygen whether a signature is good.
func keygenVerifies(t *testing.T, key, message, sig []byte) {
	t.Helper()
	dir := t.TempDir()
	pub, err := ssh.ParsePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "allowed"), `alice namespaces="ferry@1" `+string(ssh.MarshalAuthorizedKey(pub)), 0o600)
	writeFile(t, filepath.Join(dir, "sig"), string(armour(sig)), 0o600)
	run(t, message, program(t, "ssh-keygen"), "-Y", "verify", "-f", filepath.Join(dir, "allowed"), "-I", "alice", "-n", namespace, "-s", filepath.Join(dir, "sig"))
}
