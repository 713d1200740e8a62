package keys

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A host key is made once, for its owner alone, and ssh-keygen reads it.
func TestLoadHostKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "host_key")
	var wg sync.WaitGroup
	prints := make([]string, 8)
	for i := range prints {
		wg.Go(func() {
			_, print, err := LoadHostKey(path)
			if err != nil {
				t.Error(err)
			}
			prints[i] = print
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] || !strings.HasPrefix(p, "SHA256:") {
			t.Errorf("%s and %s", p, prints[0])
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(names) != 2 {
		t.Errorf("left over: %v", names)
	}
	if out := run(t, nil, program(t, "ssh-keygen"), "-l", "-f", path+".pub"); !strings.Contains(string(out), prints[0]+" ferry@") {
		t.Errorf("%s", out)
	}
	if out := run(t, nil, program(t, "ssh-keygen"), "-y", "-f", path); !strings.Contains(string(readFile(t, path+".pub")), strings.Fields(string(out))[1]) {
		t.Errorf("%s", out)
	}
	s, print, err := LoadHostKey(path)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign(t.Context(), []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(s.Key(), []byte("m"), sig); err != nil || Fingerprint(s.Key()) != print {
		t.Error(err, print)
	}
}

func TestLoadHostKeyRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	keygen(t, at("locked"), "secret", "ed25519")
	keygen(t, at("readable"), "", "ed25519")
	if err := os.Chmod(at("readable"), 0o640); err != nil {
		t.Fatal(err)
	}
	writeFile(t, at("lonely.pub"), "", 0o644)
	writeFile(t, at("text"), "hello", 0o600)
	cases := map[string]string{"locked": "passphrase", "lonely": "lonely.pub", "text": "text", "none/key": "none", ".": "no file"}
	if runtime.GOOS != "windows" {
		cases["readable"] = "chmod 600"
	}
	for name, want := range cases {
		if _, _, err := LoadHostKey(at(name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(at("lonely")); err == nil {
		t.Error("a key was made beside the public half of another one")
	}
}
