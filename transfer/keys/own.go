package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxOwn bounds the keys of one side: each that is refused costs a connection.
const maxOwn = 16

// Places is where a person's keys are.
type Places struct {
	Agent string // the socket of ssh-agent, as SSH_AUTH_SOCK names it; "" is none
	Home  string // the folder that has .ssh; "" is none
}

// Ring is what Own has found. The agent's keys come first, then those of files. Each key
// is in it once.
type Ring struct {
	Open   []*Signer // that can sign
	Locked []Locked  // that need a passphrase before
	Passed []error   // why something else is left out, each for a person
}

// Locked is a file with an encrypted key.
type Locked struct {
	Path string
	key  ssh.PublicKey
	text []byte
}

// Unlock decrypts the key, which takes a while by design. The error of a wrong passphrase
// wraps ErrPassphrase.
func (l Locked) Unlock(passphrase []byte) (*Signer, error) {
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("%s: %w", l.Path, ErrPassphrase)
	}
	s, err := signerOf(l.text, passphrase, l.Path)
	if err != nil {
		return nil, err
	}
	// The public half was beside the encrypted one, and anybody could have written it.
	if string(s.Key()) != string(l.key.Marshal()) {
		return nil, fmt.Errorf("%s has another key than the public one beside it", l.Path)
	}
	return s, nil
}

// Own looks for the keys of this side: those of ssh-agent, and .ssh/id_*, with id_ed25519,
// id_ecdsa and id_rsa first. There are 16 at most. ctx ends the asking of the agent.
func Own(ctx context.Context, at Places) *Ring {
	ring := &Ring{}
	seen := make(map[string]bool)
	if at.Agent != "" {
		ring.askAgent(ctx, at.Agent, seen)
	}
	if at.Home == "" {
		return ring
	}
	for _, path := range keyFiles(filepath.Join(at.Home, ".ssh")) {
		if len(ring.Open)+len(ring.Locked) == maxOwn {
			ring.Passed = append(ring.Passed, fmt.Errorf("%s: %d keys are enough", path, maxOwn))
			break
		}
		ring.addFile(path, seen)
	}
	return ring
}

func (r *Ring) askAgent(ctx context.Context, socket string, seen map[string]bool) {
	if !isSocket(socket) {
		r.Passed = append(r.Passed, fmt.Errorf("no ssh-agent is at %s", socket))
		return
	}
	signers, err := agentAt(socket).signers(ctx)
	if err != nil {
		r.Passed = append(r.Passed, err)
	}
	for _, s := range signers {
		if key := string(s.Key()); !seen[key] && len(r.Open) < maxOwn {
			seen[key] = true
			r.Open = append(r.Open, s)
		}
	}
}

// keyFiles returns the files that ssh-keygen may have made, in the order in which they are
// tried.
func keyFiles(folder string) (paths []string) {
	first := []string{"id_ed25519", "id_ecdsa", "id_rsa"}
	names := slices.Clone(first)
	// A folder that cannot be listed may have files that can be opened.
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, "id_") && !strings.Contains(name, ".") && !slices.Contains(first, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		paths = append(paths, filepath.Join(folder, name))
	}
	return paths
}

// addFile reads the key of a file, or its public half. What the agent has is not looked at
// any further.
func (r *Ring) addFile(path string, seen map[string]bool) {
	beside := publicOf(path)
	if beside != nil && seen[string(beside.Marshal())] {
		return
	}
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		r.Passed = append(r.Passed, err)
		return
	}
	s, err := signerOf(text, nil, path)
	var missing *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &missing):
		r.addLocked(path, text, missing.PublicKey, beside, seen)
	case err != nil:
		r.Passed = append(r.Passed, err)
	case !seen[string(s.Key())]:
		seen[string(s.Key())] = true
		r.Open = append(r.Open, s)
	}
}

// addLocked takes an encrypted key, whose public half is in the file, or beside it in
// older formats.
func (r *Ring) addLocked(path string, text []byte, inside, beside ssh.PublicKey, seen map[string]bool) {
	pub := inside
	if pub == nil {
		pub = beside
	}
	if pub == nil {
		r.Passed = append(r.Passed, fmt.Errorf("%s: it has a passphrase, and no public key is beside it: ssh-add gives it to ssh-agent", path))
		return
	}
	if err := checkPublic(pub); err != nil {
		r.Passed = append(r.Passed, fmt.Errorf("%s: %w", path, err))
		return
	}
	if key := string(pub.Marshal()); !seen[key] {
		seen[key] = true
		r.Locked = append(r.Locked, Locked{Path: path, key: pub, text: text})
	}
}

// publicOf reads the public key beside a private one, nil if there is none.
func publicOf(path string) ssh.PublicKey {
	f, err := openRegular(path + ".pub")
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := readUpTo(f, maxPrivate)
	if err != nil {
		return nil
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return pub
}
