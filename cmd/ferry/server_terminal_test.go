//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// typedAnswer is what a person types once text stands there.
type typedAnswer struct{ text, line string }

// converse has a person answer at the terminal of c while run goes on.
func converse(t *testing.T, c *client, answers []typedAnswer, run func()) (screen string) {
	t.Helper()
	person, env := terminalOf(t)
	c.tty = env
	var typing sync.WaitGroup
	over := make(chan struct{})
	// The first text has to be waited for before anything can be shown.
	if len(answers) > 0 {
		person.seen.expect(answers[0].text)
	}
	typing.Go(func() {
		for i, a := range answers {
			select {
			case <-person.seen.next():
			case <-over:
				t.Errorf("%q was never shown", a.text)
				return
			}
			if i+1 < len(answers) {
				person.seen.expect(answers[i+1].text)
			}
			person.types(t, a.line+"\n")
		}
	})
	run()
	close(over)
	typing.Wait()
	c.tty = nil
	// What was written comes through the terminal a little later.
	person.seen.expect("(over)")
	_, _ = fmt.Fprint(env.Stderr, "(over)")
	<-person.seen.next()
	return person.seen.String()
}

// A person is asked about a host once, and about a passphrase where nothing else helps.
func TestServerAtTerminal(t *testing.T) {
	s, c := newKeyServer(t), newClient(t)
	s.allow(c.print)
	file := writes(t, filepath.Join(t.TempDir(), "f"), "x")
	const question = "[yes/no/fingerprint] "
	said := converse(t, c, []typedAnswer{{question, "no"}}, func() { c.must(t, 4, "send", "--to", s.url(""), file) })
	if !strings.Contains(said, s.print) || !strings.Contains(said, "ED25519") {
		t.Error(said)
	}
	if _, err := os.Stat(c.known()); err == nil {
		t.Fatal("a host that was not taken is remembered")
	}
	answers := []typedAnswer{{question, "perhaps"}, {question, "SHA256:other"}, {question, s.print}}
	converse(t, c, answers, func() { c.must(t, 0, "send", "--to", s.url(""), file) })
	c.must(t, 0, "receive", "--from", s.url("f"), "--out", t.TempDir()) // it is known now
	if info, err := os.Stat(c.known()); err != nil || info.Mode() != 0o600 {
		t.Error(info, err)
	}
	if text := string(readAll(t, c.known())); !strings.HasPrefix(text, "|1|") || strings.Count(text, "\n") != 1 {
		t.Errorf("%q", text)
	}
	locked := c.makeKey(t, "id_locked", "open sesame")
	s.mu.Lock()
	clear(s.allowed)
	s.mu.Unlock()
	s.allow(locked)
	answers = []typedAnswer{{"leave it out): ", "wrong"}, {"leave it out): ", "open sesame"}}
	said = converse(t, c, answers, func() { c.must(t, 0, "send", "--to", s.url("again"), file) })
	if strings.Contains(said, "sesame") {
		t.Errorf("the passphrase was shown: %s", said)
	}
	holds(t, filepath.Join(s.root, "again", "f"), "x")
	said = converse(t, c, []typedAnswer{{"leave it out): ", ""}}, func() { c.must(t, 4, "send", "--to", s.url("again"), file) })
	if !strings.Contains(said, "id_locked was not opened") {
		t.Error(said)
	}
	// --yes asks nothing.
	if err := os.Remove(c.known()); err != nil {
		t.Fatal(err)
	}
	said = converse(t, c, nil, func() { c.must(t, 4, "receive", "--yes", "--from", s.url("f"), "--out", t.TempDir()) })
	if !strings.Contains(said, "--host-key") {
		t.Error(said)
	}
}

// The agent's key is used, and no file is needed. ssh-agent is asked for each link.
func TestServerByAgent(t *testing.T) {
	agent, err := exec.LookPath("ssh-agent")
	if err != nil {
		t.Skipf("ssh-agent is not installed: %v", err)
	}
	s, c := newKeyServer(t), newClient(t)
	s.allow(c.print)
	dir, err := os.MkdirTemp("", "a") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(agent, "-D", "-a", socket)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	if _, err := out.Read(make([]byte, 256)); err != nil { // it says how it is reached once it is
		t.Fatal(err)
	}
	key := filepath.Join(c.home, ".ssh", "id_ed25519")
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if text, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	file := writes(t, filepath.Join(t.TempDir(), "f"), "x")
	c.agent = socket
	c.must(t, 0, "send", "--host-key", s.print, "--to", s.url(""), file)
	holds(t, filepath.Join(s.root, "f"), "x")
}

// A link to a server that begins anew begins the delivery again, with the same key.
func TestServerBeginsAnew(t *testing.T) {
	s, c := newKeyServer(t), newClient(t)
	s.allow(c.print)
	keyFile := filepath.Join(t.TempDir(), "host_key")
	s.end()
	stop := s.serve(t, s.addr, keyFile)
	file := writes(t, filepath.Join(t.TempDir(), "f"), strings.Repeat("some text, ", 1<<17))
	ended := make(chan int)
	go func() {
		exit, said := c.ferry(t, "send", "--host-key", s.print, "--bwlimit", "1M", "--to", s.url(""), file)
		if exit != 0 {
			t.Error(said)
		}
		ended <- exit
	}()
	<-s.came
	stop()
	s.serve(t, s.addr, keyFile)
	<-ended
	holds(t, filepath.Join(s.root, "f"), strings.Repeat("some text, ", 1<<17))
}

// A proxy makes the connection, and looks up the name.
func TestServerThroughProxy(t *testing.T) {
	s, c := newKeyServer(t), newClient(t)
	s.allow(c.print)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 8)
	proxy := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Host
		there, err := net.Dial("tcp", s.addr)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = fmt.Fprint(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(there, here); _ = there.Close() }()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	})}
	go func() { _ = proxy.Serve(ln) }()
	t.Cleanup(func() { _ = proxy.Close() })
	_, port, _ := net.SplitHostPort(s.addr)
	file := writes(t, filepath.Join(t.TempDir(), "f"), "x")
	for _, args := range [][]string{{"send", "--to", "ferry://server.test:" + port + "/in", file}, {"copy", file, "ferry://server.test:" + port + "/in"}} {
		c.must(t, 0, append([]string{args[0], "--host-key", s.print, "--proxy", "http://" + ln.Addr().String()}, args[1:]...)...)
		if got := <-asked; got != "server.test:"+port {
			t.Errorf("the proxy was asked for %s", got)
		}
	}
	holds(t, filepath.Join(s.root, "in", "f"), "x")
}
