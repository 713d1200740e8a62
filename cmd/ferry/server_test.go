package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writes(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v", path, got, err)
	}
}

// With the right fingerprint and a known key no question is left.
func TestServerBothWays(t *testing.T) {
	s, c := newKeyServer(t), newClient(t)
	s.allow(c.print)
	dir := t.TempDir()
	file := writes(t, filepath.Join(dir, "a b.txt"), "hello")
	pin := "--host-key=" + s.print
	c.must(t, 0, "send", pin, "--to", s.url("in%20box/x"), file)
	holds(t, filepath.Join(s.root, "in box", "x", "a b.txt"), "hello")
	out := filepath.Join(dir, "out")
	c.must(t, 0, "receive", pin, "--from", s.url("in%20box/x/a%20b.txt"), "--out", out)
	holds(t, filepath.Join(out, "a b.txt"), "hello")
	c.must(t, 0, "receive", pin, s.url("in%20box"), "--out", out)
	holds(t, filepath.Join(out, "in box", "x", "a b.txt"), "hello")
	c.must(t, 0, "copy", pin, file, writes(t, filepath.Join(dir, "b"), "two"), s.url(""))
	holds(t, filepath.Join(s.root, "b"), "two")
	c.must(t, 0, "copy", pin, s.url("b"), s.url("in%20box/"), filepath.Join(dir, "down"))
	holds(t, filepath.Join(dir, "down", "b"), "two")
	holds(t, filepath.Join(dir, "down", "x", "a b.txt"), "hello")
	c.must(t, 0, "receive", pin, "ferry://"+s.addr, "--out", filepath.Join(dir, "all"))
	holds(t, filepath.Join(dir, "all", "in box", "x", "a b.txt"), "hello")
	said := c.must(t, 0, "receive", pin, "--from", s.url("b"), "--out", "-")
	if !strings.Contains(said, "two") {
		t.Error(said)
	}
	if _, err := os.Stat(c.known()); err == nil {
		t.Error("--host-key was remembered")
	}
	said = c.must(t, 4, "receive", pin, "--from", s.url("absent"), "--out", out)
	if !strings.Contains(said, "no such item") {
		t.Error(said)
	}
}

// Without a terminal an unknown host is refused, and so is one that has changed.
func TestServerHostKey(t *testing.T) {
	s, c := newKeyServer(t), newClient(t)
	s.allow(c.print)
	file := writes(t, filepath.Join(t.TempDir(), "f"), "x")
	said := c.must(t, 4, "send", "--to", s.url(""), file)
	if !strings.Contains(said, s.print) || !strings.Contains(said, "--host-key") || !strings.Contains(said, "known_hosts") {
		t.Error(said)
	}
	other := "SHA256:" + strings.Repeat("A", 43)
	said = c.must(t, 4, "copy", "--host-key", other, file, s.url(""))
	if !strings.Contains(said, s.print) || !strings.Contains(said, other) {
		t.Error(said)
	}
	line := strings.Fields(string(readAll(t, filepath.Join(c.home, ".ssh", "id_ed25519.pub"))))
	host, port, _ := strings.Cut(s.addr, ":")
	writes(t, c.known(), "# mine\n["+host+"]:"+port+" "+line[0]+" "+line[1]+"\n")
	said = c.must(t, 4, "receive", "--yes", "--from", s.url("f"), "--out", t.TempDir())
	for _, want := range []string{"line 2 of known_hosts", s.print, command("ssh-keygen", "-R", "["+host+"]:"+port, "-f") + " "} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
	if names, _ := os.ReadDir(s.root); len(names) > 0 {
		t.Errorf("%v arrived", names)
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Keys that the server does not know are named.
func TestServerOwnKeys(t *testing.T) {
	s, c := newKeyServer(t), newClient(t)
	file := writes(t, filepath.Join(t.TempDir(), "f"), "x")
	pin := "--host-key=" + s.print
	second := c.makeKey(t, "id_work", "")
	c.makeKey(t, "id_locked", "secret")
	said := c.must(t, 4, "send", pin, "--to", s.url(""), file)
	for _, want := range []string{c.print, second, "id_locked has a passphrase", "authorized keys"} {
		if !strings.Contains(strings.Join(strings.Fields(said), " "), want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
	s.allow(second)
	c.must(t, 0, "send", pin, "--to", s.url(""), file)
	// More keys than are shown at once.
	for _, name := range []string{"id_1", "id_2", "id_3", "id_4", "id_5", "id_6"} {
		c.makeKey(t, name, "")
	}
	s.allow(c.makeKey(t, "id_x", ""))
	s.mu.Lock()
	delete(s.allowed, second)
	s.mu.Unlock()
	c.must(t, 0, "send", pin, "--to", s.url(""), file)
	none := &client{home: t.TempDir()}
	said = none.must(t, 4, "send", pin, "--to", s.url(""), file)
	if !strings.Contains(said, "ssh-keygen -t ed25519") {
		t.Error(said)
	}
}

// What ferry:// does not go with is told before anything is dialled.
func TestServerUsage(t *testing.T) {
	c := newClient(t)
	file := writes(t, filepath.Join(t.TempDir(), "f"), "x")
	for _, args := range [][]string{
		{"send", "--to", "ferry://h/x", "--listen", ":1", file},
		{"send", "--to", "ferry://h/x", "--code-file", "c", file},
		{"send", "--to", "ferry://h/x", "--find", "lan", file},
		{"send", "--to", "ferry://h/x", "--relay", "tcp://r", file},
		{"send", "--to", "ferry://h/x", "--text", "hello"},
		{"send", "--to", "ferry://h/x", "--host-key", "SHA256:abc", file},
		{"send", "--to", "h", "--host-key", "SHA256:" + strings.Repeat("A", 43), file},
		{"send", "ferry://h/x"},
		{"receive", "--out", "ferry://h/x"},
		{"receive", "ferry://h/x", "ferry://h/y"},
		{"receive", "--from", "ferry://h/x", "ferry://h/y"},
		{"send", "--to", "ferry://alice@h/x", file},
		{"send", "--to", "ferry:///x", file},
		{"send", "--to", "ferry://h:0/x", file},
		{"send", "--to", "ferry://h,i/x", file},
		{"send", "--to", "ferry://h/%zz", file},
		{"send", "--to", "ferry://h/a/../b", file},
		{"send", "--to", "ferry://h//b", file},
		{"send", "--to", "ferry://h/b?c", file},
		{"copy", "ferry://h/x", "ferry://i/y"},
		{"copy", "ferry://h/x", "ferry://i/y", "dir"},
		{"copy", "ferry://h/x", file, "dir"},
		{"copy", "--delete", file, "ferry://h/x"},
		{"copy", "--on-conflict", "fail", file, "ferry://h/x"},
		{"copy", "--push", "never", file, "ferry://h/x"},
		{"copy", "--exclude", "x", "ferry://h/x", "dir"},
		{"copy", "--host-key", "SHA256:" + strings.Repeat("A", 43), file, "dir"},
	} {
		if exit, said := c.ferry(t, args...); exit != exitUsage {
			t.Errorf("%q: exit %d: %s", args, exit, said)
		}
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]string{
		"ferry://h":                              "h:33779 ",
		"ferry://h/":                             "h:33779 ",
		"FERRY://h:7/a/b/":                       "h:7 a/b/",
		"ferry://[2001:db8::7]:40000/a%20b%":     "",
		"ferry://[2001:db8::7]:40000/a%20%C3%A4": "[2001:db8::7]:40000 a ä",
		"ferry://192.0.2.7/x%3Fy":                "192.0.2.7:33779 x?y",
		"ferry://h/a%2F..%2Fb":                   "",
		"ferry://h/.ferry-partial/x":             "",
		"ferry://h/a%00":                         "",
	} {
		p, err := parseServer(text)
		if want == "" {
			if err == nil {
				t.Errorf("%s is taken: %+v", text, p)
			}
			continue
		}
		if err != nil || p.at.String()+" "+p.path != want {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	if all := []string{"ferry://h", "Ferry://"}; slices.ContainsFunc(all, func(s string) bool { return !isServer(s) }) || isServer("ferry:/h") {
		t.Error("places at servers are not told from others")
	}
}
