package keys

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// startAgent runs ssh-agent until the test ends.
func startAgent(t *testing.T) (socket string) {
	t.Helper()
	path := program(t, "ssh-agent")
	dir, err := os.MkdirTemp("", "a") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	cmd := exec.Command(path, "-D", "-a", socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	// It says how it is reached once it can be.
	if _, err := out.Read(make([]byte, 256)); err != nil {
		t.Fatal(err)
	}
	return socket
}

func addToAgent(t *testing.T, socket, path string) {
	t.Helper()
	cmd := exec.Command(program(t, "ssh-add"), "-q", path)
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func homeWith(t *testing.T) (home, folder string) {
	t.Helper()
	home = t.TempDir()
	folder = filepath.Join(home, ".ssh")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return home, folder
}

// The agent's keys come first, then files by their kind, and each key once.
func TestOwn(t *testing.T) {
	t.Parallel()
	home, folder := homeWith(t)
	at := func(name string) string { return filepath.Join(folder, name) }
	keygen(t, at("id_work"), "", "ed25519")
	keygen(t, at("id_rsa"), "", "rsa", "-b", "2048")
	keygen(t, at("id_ed25519"), "", "ed25519")
	keygen(t, at("id_locked"), "open sesame", "ed25519")
	writeFile(t, at("id_torn"), "no key", 0o600)
	socket := startAgent(t)
	addToAgent(t, socket, at("id_rsa"))
	ring := Own(t.Context(), Places{Agent: socket, Home: home})
	var from []string
	for _, s := range ring.Open {
		from = append(from, strings.TrimPrefix(s.From(), folder+string(filepath.Separator)))
		sig, err := s.Sign(t.Context(), []byte("m"))
		if err != nil {
			t.Fatal(err)
		}
		if err := Verify(s.Key(), []byte("m"), sig); err != nil {
			t.Errorf("%s: %v", s.From(), err)
		}
		keygenVerifies(t, s.Key(), []byte("m"), sig)
	}
	if got, want := strings.Join(from, ", "), "ssh-agent: alice@laptop, id_ed25519, id_work"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(ring.Locked) != 1 || ring.Locked[0].Path != at("id_locked") {
		t.Fatalf("%d locked keys: %v", len(ring.Locked), ring.Locked)
	}
	if _, err := ring.Locked[0].Unlock([]byte("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if _, err := ring.Locked[0].Unlock(nil); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	s, err := ring.Locked[0].Unlock([]byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	if string(s.Key()) != string(ring.Locked[0].key.Marshal()) {
		t.Error("another key was unlocked")
	}
	if len(ring.Passed) != 1 || !strings.Contains(ring.Passed[0].Error(), "id_torn") {
		t.Errorf("passed over: %v", ring.Passed)
	}
}

// An encrypted key in the format that was usual before OpenSSH had its own.
func TestOwnOldFormat(t *testing.T) {
	t.Parallel()
	home, folder := homeWith(t)
	path := filepath.Join(folder, "id_rsa")
	keygen(t, path, "open sesame", "rsa", "-b", "2048", "-m", "PEM")
	ring := Own(t.Context(), Places{Home: home})
	if len(ring.Locked) != 1 {
		t.Fatalf("%+v", ring)
	}
	if _, err := ring.Locked[0].Unlock([]byte("open sesame")); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path + ".pub"); err != nil {
		t.Fatal(err)
	}
	ring = Own(t.Context(), Places{Home: home})
	if len(ring.Locked) != 0 || len(ring.Passed) != 1 || !strings.Contains(ring.Passed[0].Error(), "ssh-add") {
		t.Errorf("%+v", ring)
	}
	keygen(t, filepath.Join(folder, "other"), "", "ed25519")
	writeFile(t, path+".pub", string(readFile(t, filepath.Join(folder, "other.pub"))), 0o644)
	ring = Own(t.Context(), Places{Home: home})
	if len(ring.Locked) != 1 {
		t.Fatalf("%+v", ring)
	}
	if _, err := ring.Locked[0].Unlock([]byte("open sesame")); err == nil {
		t.Error("the public key beside it is another one")
	}
}

// A file that others can read is passed over, as ssh does.
func TestOwnReadable(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no bits of access")
	}
	home, folder := homeWith(t)
	path := filepath.Join(folder, "id_ed25519")
	keygen(t, path, "", "ed25519")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	ring := Own(t.Context(), Places{Home: home})
	if len(ring.Open) != 0 || len(ring.Passed) != 1 || !strings.Contains(ring.Passed[0].Error(), "chmod 600") {
		t.Errorf("%+v", ring)
	}
}

// Without an agent, or with one that says nothing, the files are there.
func TestOwnDeadAgent(t *testing.T) {
	t.Parallel()
	home, folder := homeWith(t)
	keygen(t, filepath.Join(folder, "id_ed25519"), "", "ed25519")
	ring := Own(t.Context(), Places{Agent: filepath.Join(home, "absent"), Home: home})
	if len(ring.Open) != 1 || len(ring.Passed) != 1 {
		t.Errorf("%+v", ring)
	}
	socket := silentAgent(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ring = Own(ctx, Places{Agent: socket, Home: home})
	if len(ring.Open) != 1 || len(ring.Passed) != 1 {
		t.Errorf("%+v", ring)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	s := newKey(t)
	hung := &Signer{key: s.key, sign: agentAt(socket).signWith(s.key)}
	ended := make(chan error)
	go func() {
		_, err := hung.Sign(ctx, []byte("m"))
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// silentAgent takes connections and never answers.
func silentAgent(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "a")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skipf("no sockets of the file system: %v", err)
	}
	t.Cleanup(func() { _, _ = ln.Close(), os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
