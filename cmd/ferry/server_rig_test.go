package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/reach/socket/sockettest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// keyServer is the least that a ferry serve is: it knows keys, and has one folder.
type keyServer struct {
	root  string
	print string // of its key
	addr  string
	came  chan struct{} // of the first link, and then of each that can be told at once
	end   func()

	mu      sync.Mutex
	allowed map[string]bool // fingerprints
	links   []*link.Link
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	s := &keyServer{root: t.TempDir(), allowed: make(map[string]bool), came: make(chan struct{}, 1)}
	addr, err := sockettest.Address() // where another one may listen after it
	if err != nil {
		t.Fatal(err)
	}
	s.end = s.serve(t, addr, filepath.Join(t.TempDir(), "host_key"))
	return s
}

// serve listens at addr with the key of a file, until the test or the returned function
// ends it.
func (s *keyServer) serve(t *testing.T, addr, keyFile string) (stop func()) {
	t.Helper()
	host, print, err := keys.LoadHostKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	admit := func(key []byte, _ net.Addr) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.allowed[keys.Fingerprint(key)] {
			return nil, errors.New("the key is unknown")
		}
		return keys.Fingerprint(key), nil
	}
	cut := &cutter{Listener: ln}
	l, err := link.Serve(cut, link.Config{
		Role: link.AnyRole, Links: 8, RetryFor: time.Minute, Keys: &link.Keys{Verify: keys.Verify, Host: host, Admit: admit},
		Capabilities: framing.CapWide | framing.CapRequest | framing.CapPlace | framing.CapNames | framing.CapCopy,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.print = ln.Addr().String(), print
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			one, err := l.Accept(ctx)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.links = append(s.links, one)
			s.mu.Unlock()
			select {
			case s.came <- struct{}{}:
			default:
			}
			wg.Go(func() { s.deliver(ctx, one) })
		}
	})
	stop = sync.OnceFunc(func() {
		cut.all()
		cancel()
		_ = l.Close()
		s.mu.Lock()
		for _, one := range s.links {
			_ = one.Close()
		}
		s.mu.Unlock()
		wg.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// cutter cuts the connections that it took, as the end of a process does.
type cutter struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (c *cutter) Accept() (net.Conn, error) {
	one, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, one)
		c.mu.Unlock()
	}
	return one, err
}

func (c *cutter) all() {
	_ = c.Listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.conns {
		_ = one.(*net.TCPConn).SetLinger(0)
		_ = one.Close()
	}
}

func (s *keyServer) deliver(ctx context.Context, l *link.Link) {
	if l.Role() == link.Sender {
		_, _ = send.Serve(ctx, l, func(_ context.Context, r send.Request) (send.Options, error) {
			var o send.Options
			for _, p := range r.Paths {
				path := filepath.Join(s.root, p)
				if _, err := os.Stat(path); err != nil {
					return o, &transfer.Error{Op: "looking for what is asked for:", Code: framing.CodeDeclined, Err: errors.New("no such item")}
				}
				o.Sources = append(o.Sources, send.Source{Source: tree.Source{Path: path, Name: filepath.Base(path), Contents: p == "." || strings.HasSuffix(p, "/")}})
			}
			o.Unasked = true
			return o, nil
		})
		return
	}
	place := ""
	var opened storage.Destination
	_, _ = receive.Receive(ctx, l, receive.Options{
		Accept: func(_ context.Context, o transfer.Offer, _ <-chan transfer.Extent) error {
			place = o.Place
			return nil
		},
		Open: func() (_ storage.Destination, err error) {
			folder := filepath.Join(s.root, place)
			if err := os.MkdirAll(folder, 0o777); err != nil {
				return nil, err
			}
			opened, err = local.NewFolder(folder, local.FolderOptions{NoSync: true})
			return opened, err
		},
	})
	if opened != nil {
		_ = opened.Close()
	}
}

func (s *keyServer) allow(print string) {
	s.mu.Lock()
	s.allowed[print] = true
	s.mu.Unlock()
}

func (s *keyServer) url(path string) string { return "ferry://" + s.addr + "/" + path }

// client is a person with a home, whose commands run in this process. Tests with one are not
// parallel: the library of the command line has flags of its own that all commands share.
type client struct {
	home  string
	print string // of id_ed25519
	agent string // the socket of ssh-agent
	tty   *Env   // a terminal to ask at; nil without
}

func newClient(t *testing.T) *client {
	t.Helper()
	c := &client{home: t.TempDir()}
	if err := os.Mkdir(filepath.Join(c.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.print = c.makeKey(t, "id_ed25519", "")
	return c
}

// makeKey makes a key of the client, and returns its fingerprint.
func (c *client) makeKey(t *testing.T, name, passphrase string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "client")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "client", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.home, ".ssh", name), pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.home, ".ssh", name+".pub"), ssh.MarshalAuthorizedKey(key), 0o644); err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

func (c *client) known() string { return filepath.Join(c.home, ".config", "ferry", "known_hosts") }

// ferry runs a command, and returns its exit code and all that it said to people.
func (c *client) ferry(t *testing.T, args ...string) (exit int, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
	if c.tty != nil {
		copied := *c.tty
		env = &copied
		env.Stdout = &out
	}
	env.Args = append([]string{"ferry"}, args...)
	env.Getenv = func(name string) string {
		return map[string]string{"HOME": c.home, "USERPROFILE": c.home, "SSH_AUTH_SOCK": c.agent, findVariable: "off"}[name]
	}
	exit = run(t.Context(), env)
	return exit, out.String() + errs.String()
}

func (c *client) must(t *testing.T, want int, args ...string) string {
	t.Helper()
	exit, said := c.ferry(t, args...)
	if exit != want {
		t.Fatalf("%q: exit %d, want %d\n%s", args, exit, want, said)
	}
	return said
}
