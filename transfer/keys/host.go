package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// LoadHostKey reads the key of a server from an OpenSSH private key file, and returns its
// fingerprint. If the file is absent, it is made: ed25519, for its owner alone, with the
// public key beside it in path.pub. Of servers that start at once all get the same key.
// Errors: the folder does not exist, others can read the file, it has
// a passphrase, or it is absent and path.pub is not.
func LoadHostKey(path string) (*Signer, string, error) {
	s, err := readHostKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeHostKey(path); err == nil {
			s, err = readHostKey(path)
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("host key: %w", err)
	}
	return s, s.Fingerprint(), nil
}

func readHostKey(path string) (*Signer, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	s, err := signerOf(text, nil, path)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%s has a passphrase, which nobody types for a server: ssh-keygen -p -f removes it", path)
	}
	return s, err
}

// makeHostKey makes the file with its name only once it is whole, and never in the place
// of another one.
func makeHostKey(path string) (err error) {
	if _, err := os.Lstat(path + ".pub"); err == nil {
		return fmt.Errorf("%s.pub is there, and its private key %s is not: give another name, or remove it", path, path)
	}
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "server"
	}
	comment := "ferry@" + name
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return err
	}
	public, err := ssh.NewPublicKey(pub)
	if err != nil {
		return err
	}
	err = writeNew(path, pem.EncodeToMemory(block), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // another server was faster
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	line := append(bytes.TrimSuffix(ssh.MarshalAuthorizedKey(public), []byte("\n")), " "+comment+"\n"...)
	if err := writeNew(path+".pub", line, 0o644); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s.pub: %w", path, err)
	}
	return nil
}

// writeNew writes a file that does not exist, whole or not at all. The error is
// fs.ErrExist if it does.
func writeNew(path string, data []byte, mode fs.FileMode) (err error) {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".ferry-key-*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, patiently(func() error { return os.Remove(f.Name()) })) }()
	_, err = f.Write(data)
	if err == nil && mode != 0o600 {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return copyNew(path, data, mode) // a disk without hard links
}

// copyNew makes a file where no second name for one can be made.
func copyNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
