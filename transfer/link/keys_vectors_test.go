package link

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/framing/vector"
)

// keyVectors are those of method 2 that PROTOCOL.md, section 10, describes.
const keyVectors = "../../testdata/handshake/key.txt"

// keyExchange is what a vector of method 2 is made from.
type keyExchange struct {
	name           string
	dialler        Role
	near, far      uint64
	exporter, seed []byte
	host, client   *testKey
}

var keyExchanges = []keyExchange{
	{"the sender dials", Sender, 0, 0, count(0, 32), count(0x40, 64), newTestKey(1), newTestKey(3)},
	{"the receiver dials, with capabilities that are not known", Receiver, 1<<63 | 9, 8, count(0xe0, 32), count(0x80, 64), newTestKey(3), newTestKey(1)},
}

// run makes all that is said, and checks that each side takes what the other says.
func (x keyExchange) run(t *testing.T) (s vector.Stanza, messages [2][]byte, proofs [2]framing.KeyProof) {
	t.Helper()
	prover := func(nonce []byte) *keyProver {
		p, err := newKeyProver(bytes.NewReader(nonce), x.seed, x.exporter)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	hello := func(role Role, caps uint64, p *keyProver) helloBody {
		h := framing.Hello{MinVersion: 1, MaxVersion: 1, Role: role, Purpose: framing.PurposeNew, Method: framing.MethodKey, Capabilities: caps, Share: p.share()}
		return helloBody{body: h.Append(nil), share: p.share()}
	}
	d, l := prover(count(0x11, nonceSize)), prover(count(0xc1, nonceSize))
	bodyD, bodyL := hello(x.dialler, x.near, d), hello(otherRole(x.dialler), x.far, l)
	var frames [2][]byte
	for i, key := range []*testKey{listening: x.host, dialling: x.client} {
		body, err := d.sign(t.Context(), key, side(i), bodyD, bodyL)
		if err != nil {
			t.Fatal(err)
		}
		if proofs[i], err = framing.ParseKeyProof(body); err != nil {
			t.Fatal(err)
		}
		messages[i] = l.message(side(i), bodyD, bodyL)
		if err := verifyTest(proofs[i].Key, messages[i], proofs[i].Signature); err != nil {
			t.Error(err)
		}
		frames[i] = frameOf(t, framing.TypeKeyProof, body)
	}
	mac, err := l.admitted(bodyD, bodyL)
	if err != nil {
		t.Fatal(err)
	}
	id, secret, err := sessionKeys(x.seed)
	if err != nil {
		t.Fatal(err)
	}
	s.Add("name", x.name)
	s.AddBytes("exporter", x.exporter)
	s.AddBytes("session-exporter", x.seed)
	s.AddBytes("dialler-hello", frameOf(t, framing.TypeHello, bodyD.body))
	s.AddBytes("listener-hello", frameOf(t, framing.TypeHello, bodyL.body))
	s.AddBytes("listener-message", messages[listening])
	s.AddBytes("listener-keyproof", frames[listening])
	s.AddBytes("dialler-message", messages[dialling])
	s.AddBytes("dialler-keyproof", frames[dialling])
	s.AddBytes("listener-proof", frameOf(t, framing.TypeProof, mac[:]))
	s.AddBytes("session-id", id[:])
	s.AddBytes("session-secret", secret)
	return s, messages, proofs
}

func TestKeyVectors(t *testing.T) {
	var stanzas []vector.Stanza
	for _, x := range keyExchanges {
		s, _, _ := x.run(t)
		stanzas = append(stanzas, s)
	}
	vector.Compare(t, keyVectors, "The proof of keys, method 2. Both keys are of Ed25519, from 32 bytes 01 and 32 bytes 03.\n", stanzas, *update)
}

// OpenSSH takes the signatures of the vectors for what they are.
func TestKeyVectorsBySSHKeygen(t *testing.T) {
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen here")
	}
	for _, x := range keyExchanges {
		_, messages, proofs := x.run(t)
		for i, p := range proofs {
			dir := t.TempDir()
			armoured := "-----BEGIN SSH SIGNATURE-----\n" + base64.StdEncoding.EncodeToString(p.Signature) + "\n-----END SSH SIGNATURE-----\n"
			signers := "ferry ssh-ed25519 " + base64.StdEncoding.EncodeToString(p.Key) + "\n"
			for name, text := range map[string]string{"signature": armoured, "signers": signers} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			verify := func(message []byte, namespace string) error {
				cmd := exec.CommandContext(t.Context(), program, "-Y", "verify", "-f", filepath.Join(dir, "signers"), "-I", "ferry", "-n", namespace, "-s", filepath.Join(dir, "signature"))
				cmd.Stdin = bytes.NewReader(message)
				return cmd.Run()
			}
			if err := verify(messages[i], "ferry@1"); err != nil {
				t.Errorf("%s: %v", x.name, err)
			}
			if verify(messages[1-i], "ferry@1") == nil || verify(messages[i], "file") == nil {
				t.Errorf("%s: taken for something else", x.name)
			}
		}
	}
}
