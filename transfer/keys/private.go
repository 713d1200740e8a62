package keys

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/crypto/ssh"
)

// maxPrivate bounds the file of a private key, in bytes: one of RSA has 12 KiB at most.
const maxPrivate = 64 << 10

// ErrPassphrase is a passphrase that does not open the key.
var ErrPassphrase = errors.New("that is not the passphrase of the key")

// readPrivate reads the file of a private key, which others must not be able to read.
func readPrivate(path string) (text []byte, err error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return readUpTo(f, maxPrivate)
}

// openRegular opens a file for reading. A pipe or a device would be waited for.
func openRegular(path string) (*os.File, error) {
	var info fs.FileInfo
	err := patiently(func() (err error) {
		info, err = os.Stat(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	var f *os.File
	err = patiently(func() (err error) {
		f, err = os.Open(path)
		return err
	})
	return f, err
}

// readUpTo reads all of f, which has a limit in bytes.
func readUpTo(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d KiB", f.Name(), limit>>10)
	}
	return data, err
}

// signerOf reads a private key. For an encrypted one without a passphrase the error is an
// ssh.PassphraseMissingError.
func signerOf(text, passphrase []byte, from string) (*Signer, error) {
	var private ssh.Signer
	var err error
	if passphrase == nil {
		private, err = ssh.ParsePrivateKey(text)
	} else {
		private, err = ssh.ParsePrivateKeyWithPassphrase(text, passphrase)
	}
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, fmt.Errorf("%s: %w", from, ErrPassphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	s, err := newSigner(private, from)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return s, nil
}
