package keys

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestKnownHosts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ferry", "known_hosts")
	known := OpenKnownHosts(path)
	first, second := newKey(t), newKey(t)
	var no *HostError
	if err := known.Check("example.net", "33779", first.Key()); !errors.As(err, &no) || !errors.Is(err, ErrUnknownHost) || no.Fingerprint != first.Fingerprint() || no.Line != 0 {
		t.Fatal(err)
	}
	if err := known.Add("Example.NET", "33779", first.Key()); err != nil {
		t.Fatal(err)
	}
	if err := known.Add("2001:db8::1", "7", second.Key()); err != nil {
		t.Fatal(err)
	}
	if err := known.Check("example.net", "33779", first.Key()); err != nil {
		t.Error(err)
	}
	if err := known.Check("2001:db8::1", "7", second.Key()); err != nil {
		t.Error(err)
	}
	if err := known.Check("example.net", "33780", first.Key()); !errors.Is(err, ErrUnknownHost) {
		t.Error(err)
	}
	if err := known.Check("2001:db8::1", "7", first.Key()); !errors.As(err, &no) || !errors.Is(err, errChangedHost) || no.Line != 2 || no.File != path {
		t.Error(err)
	}
	text := string(readFile(t, path))
	if strings.Contains(text, "xample") || strings.Count(text, "|1|") != 2 {
		t.Errorf("not hashed: %s", text)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	keygen := program(t, "ssh-keygen")
	if out := run(t, nil, keygen, "-F", "[example.net]:33779", "-f", path); !strings.Contains(string(out), "line 1") {
		t.Errorf("%s", out)
	}
	run(t, nil, keygen, "-R", "[example.net]:33779", "-f", path)
	if err := known.Check("example.net", "33779", first.Key()); !errors.Is(err, ErrUnknownHost) {
		t.Error(err)
	}
}

// Lines that a person wrote hold too.
func TestKnownHostsByHand(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "known_hosts")
	a, b, bad := newKey(t), newKey(t), newKey(t)
	writeFile(t, path, "# mine\nplain,*.lan "+lineOf(a)+"\n[other]:7 "+lineOf(b)+"\n@revoked * "+lineOf(bad), 0o600)
	known := OpenKnownHosts(path)
	for _, host := range []string{"plain", "nas.lan"} {
		if err := known.Check(host, defaultPort, a.Key()); err != nil {
			t.Error(host, err)
		}
	}
	if err := known.Check("plain", "7", a.Key()); !errors.Is(err, ErrUnknownHost) {
		t.Error(err)
	}
	var no *HostError
	if err := known.Check("plain", defaultPort, b.Key()); !errors.As(err, &no) || no.Err != errChangedHost || no.Line != 2 {
		t.Error(err)
	}
	if err := known.Check("new", defaultPort, bad.Key()); !errors.As(err, &no) || no.Err != ErrRevokedHost || no.Line != 4 {
		t.Error(err)
	}
	// The last line has no end, and must not become part of the next one.
	if err := known.Add("new", "7", b.Key()); err != nil {
		t.Fatal(err)
	}
	if err := known.Check("new", "7", b.Key()); err != nil {
		t.Error(err)
	}
	if err := known.Check("new", "7", bad.Key()); !errors.Is(err, ErrRevokedHost) {
		t.Error(err)
	}
	writeFile(t, path, "rubbish\n", 0o600)
	if err := known.Check("plain", defaultPort, a.Key()); err == nil || errors.As(err, &no) && errors.Is(err, ErrUnknownHost) {
		t.Errorf("a damaged file is taken for an empty one: %v", err)
	}
}

// The key of an authority is no host's key, and its line says nothing of what hosts have.
func TestKnownHostsOfAuthority(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "known_hosts")
	a, ca := newKey(t), newKey(t)
	writeFile(t, path, "\n @cert-authority *.lan "+lineOf(ca)+"\nb.lan "+lineOf(a)+"\nc.lan "+lineOf(ca), 0o600)
	known := OpenKnownHosts(path)
	for _, c := range []struct {
		host string
		key  *Signer
		want error
	}{
		{"a.lan", ca, ErrUnknownHost}, {"a.lan", a, ErrUnknownHost}, {"b.lan", ca, errChangedHost}, {"b.lan", a, nil}, {"c.lan", ca, nil}, {"c.lan", a, errChangedHost},
	} {
		if err := known.Check(c.host, defaultPort, c.key.Key()); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Several processes remember hosts at once.
func TestKnownHostsAtOnce(t *testing.T) {
	t.Parallel()
	known := OpenKnownHosts(filepath.Join(t.TempDir(), "known_hosts"))
	key := newKey(t)
	hosts := strings.Fields("a b c d e f g h i j")
	var wg sync.WaitGroup
	for _, h := range hosts {
		wg.Go(func() {
			if err := known.Add(h, "1", key.Key()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, h := range hosts {
		if err := known.Check(h, "1", key.Key()); err != nil {
			t.Error(err)
		}
	}
}

// FuzzKnownHosts: a line of whatever kind hides no host that was added behind it, and a
// host has one key.
func FuzzKnownHosts(f *testing.F) {
	first, second := newKey(f), newKey(f)
	f.Add("[a]:1 " + lineOf(first))
	f.Add("|1|AAAA|BBBB " + lineOf(first) + "\n@cert-authority * " + lineOf(first))
	f.Add("!a,*,[b]:x\tssh-ed25519 AAAA")
	path := filepath.Join(f.TempDir(), "known_hosts")
	f.Fuzz(func(t *testing.T, text string) {
		writeFile(t, path, text, 0o600)
		known := OpenKnownHosts(path)
		before := known.Check("host.example", "4242", first.Key())
		if err := known.Add("host.example", "4242", first.Key()); err != nil {
			t.Fatal(err)
		}
		after := known.Check("host.example", "4242", first.Key())
		var no *HostError
		isHost := errors.As(before, &no)
		switch {
		case before == nil || isHost && no.Err != ErrRevokedHost:
			if after != nil {
				t.Errorf("%q hides a host: %v, and before: %v", text, after, before)
			}
		case isHost && after == nil:
			t.Errorf("%q revokes a key no more", text)
		}
		if after == nil {
			if err := known.Check("host.example", "4242", second.Key()); err == nil && !strings.Contains(text, string(ssh.MarshalAuthorizedKey(second.key))[12:]) {
				t.Errorf("%q has the host take any key", text)
			}
		}
	})
}
