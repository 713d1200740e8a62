package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// maxKnown bounds a file of known hosts, in bytes.
const maxKnown = 16 << 20

// defaultPort is the port of hosts whose line names none.
const defaultPort = "33779"

// sshPort is what the lines of ssh mean without a port, which no line says otherwise.
const sshPort = "22"

// KnownHosts is a file of the hosts whose keys were seen before, in ssh's syntax. It is
// read at each use, and other processes may write to it.
type KnownHosts struct{ path string }

// OpenKnownHosts names the file, which need not exist.
func OpenKnownHosts(path string) KnownHosts { return KnownHosts{path: path} }

// Why a host is not trusted. What is neither has another key than before.
var (
	ErrUnknownHost = errors.New("the host is unknown")
	ErrRevokedHost = errors.New("the host's key is revoked")
	errChangedHost = errors.New("the host has another key than before")
)

// HostError is a host that is not trusted. It wraps one of the three causes above.
type HostError struct {
	Host        string // as asked for, with its port
	Fingerprint string // of the key that it showed
	Type        string // of that key
	File        string
	Line        int // that has another key, or revokes this one; 0 for an unknown host
	Err         error
}

func (e *HostError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v: its key is %s", e.Host, e.Err, e.Fingerprint)
	}
	return fmt.Sprintf("%s: %v: it showed %s, see line %d of %s", e.Host, e.Err, e.Fingerprint, e.Line, e.File)
}

func (e *HostError) Unwrap() error { return e.Err }

// Check returns nil if the host, with its port, is known by key, which is in wire format.
// A host that is not trusted is a HostError. A line without a port is for defaultPort.
func (k KnownHosts) Check(host, port string, key []byte) error {
	pub, err := parsePublic(key)
	if err != nil {
		return err
	}
	found := &HostError{Host: net.JoinHostPort(host, port), Fingerprint: ssh.FingerprintSHA256(pub), Type: pub.Type(), File: k.path, Err: ErrUnknownHost}
	check, authorities, err := k.read()
	if err != nil {
		return fmt.Errorf("known hosts: %w", err)
	}
	if check == nil {
		return found
	}
	ports := []string{port}
	if port == defaultPort {
		ports = append(ports, sshPort)
	}
	for _, port := range ports {
		at := net.JoinHostPort(strings.ToLower(host), port)
		err := check(at, &net.TCPAddr{}, pub)
		if err == nil && len(authorities) > 0 {
			// Whatever line it was: all lines for the host are what is wanted in the place of
			// a key that none has.
			err = check(at, &net.TCPAddr{}, wireKey(nil))
		}
		if err == nil || authorities.has(err, key) {
			return nil
		}
		if err := found.take(err, authorities); err != nil {
			return fmt.Errorf("known hosts: %w", err)
		}
		if found.Err == ErrRevokedHost {
			return found
		}
	}
	return found
}

// take notes what package knownhosts says, and returns an error that is of another kind. That
// package takes the lines of authorities for those of hosts.
func (e *HostError) take(err error, authorities lines) error {
	var revoked *knownhosts.RevokedError
	var no *knownhosts.KeyError
	switch {
	case errors.As(err, &revoked):
		e.Err, e.Line = ErrRevokedHost, revoked.Revoked.Line
	case !errors.As(err, &no):
		return err
	}
	if no == nil || e.Line != 0 {
		return nil
	}
	for _, want := range no.Want {
		if !authorities[want.Line] {
			e.Err, e.Line = errChangedHost, want.Line
			return nil
		}
	}
	return nil
}

// read reads the file. It returns nil for one that is absent or has nothing in it. The keys of
// authorities vouch for hosts by certificates, which are not taken, and are no host's.
func (k KnownHosts) read() (check ssh.HostKeyCallback, authorities lines, err error) {
	f, err := openRegular(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := readUpTo(f, maxKnown)
	if err != nil {
		return nil, nil, err
	}
	if check, err = knownhosts.New(k.path); err != nil {
		return nil, nil, err
	}
	return check, authoritiesIn(string(data)), nil
}

// lines are some of a file, by number.
type lines map[int]bool

// has reports whether err wants key by another line than these.
func (l lines) has(err error, key []byte) bool {
	var no *knownhosts.KeyError
	if !errors.As(err, &no) {
		return false
	}
	return slices.ContainsFunc(no.Want, func(want knownhosts.KnownKey) bool {
		return !l[want.Line] && string(want.Key.Marshal()) == string(key)
	})
}

// authoritiesIn returns the lines that are marked so.
func authoritiesIn(text string) lines {
	all, number := make(lines), 0
	for line := range strings.Lines(text) {
		number++
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == "@cert-authority" {
			all[number] = true
		}
	}
	return all
}

// Add remembers the key of a host, whose name is hashed. The line is written at once, so
// that other processes may do the same. The folder is made if it is absent.
func (k KnownHosts) Add(host, port string, key []byte) (err error) {
	pub, err := parsePublic(key)
	if err != nil {
		return err
	}
	name := knownhosts.HashHostname(knownhosts.Normalize(net.JoinHostPort(strings.ToLower(host), port)))
	line := []byte(name + " " + string(ssh.MarshalAuthorizedKey(pub)))
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return fmt.Errorf("known hosts: %w", err)
	}
	if whole, err := endsWhole(k.path); err != nil {
		return fmt.Errorf("known hosts: %w", err)
	} else if !whole {
		line = slices.Insert(line, 0, '\n')
	}
	f, err := os.OpenFile(k.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("known hosts: %w", err)
	}
	_, err = f.Write(line)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("known hosts: %w", err)
	}
	return nil
}

// endsWhole reports whether the last line of a file has its end.
func endsWhole(path string) (bool, error) {
	f, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return true, err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return false, err
	}
	return last[0] == '\n', nil
}
