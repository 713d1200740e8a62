package keys

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// lineOf is the key of a line, in ssh's text.
func lineOf(s *Signer) string {
	return s.key.Type() + " " + base64.StdEncoding.EncodeToString(s.Key())
}

func TestParseEntry(t *testing.T) {
	t.Parallel()
	s := newKey(t)
	at := func(y int, m time.Month, d, h, min int, zone *time.Location) time.Time {
		return time.Date(y, m, d, h, min, 0, 0, zone)
	}
	for line, want := range map[string]Grant{
		"KEY":                                   {Upload: true, Download: true},
		"KEY  two words ":                       {Upload: true, Download: true, Comment: "two words"},
		"upload KEY\tc":                         {Upload: true, Comment: "c"},
		"Download,DELETE,upload KEY":            {Upload: true, Download: true, Delete: true},
		"delete KEY":                            {Upload: true, Download: true, Delete: true},
		`path="in/alice/" KEY`:                  {Path: "in/alice", Upload: true, Download: true},
		`path="a \"b\", c\d" KEY`:               {Path: `a "b", c\d`, Upload: true, Download: true},
		`quota="50G",rate="20MiB",upload KEY`:   {Quota: 50 << 30, Rate: 20 << 20, Upload: true},
		`max-links="4",expires="20271231Z" KEY`: {MaxLinks: 4, Expires: at(2027, 12, 31, 0, 0, time.UTC), Upload: true, Download: true},
		`expiry-time="202712312359" KEY`:        {Expires: at(2027, 12, 31, 23, 59, time.Local), Upload: true, Download: true},
	} {
		if runtime.GOOS == "windows" && strings.Contains(line, `\`) {
			continue // no such name
		}
		e, err := parseEntry(strings.TrimSpace(strings.ReplaceAll(line, "KEY", lineOf(s))))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		want.Fingerprint = s.Fingerprint()
		if e.grant != want || string(e.key) != string(s.Key()) {
			t.Errorf("%s: %+v", line, e.grant)
		}
	}
}

func TestParseAuthorizedRefuses(t *testing.T) {
	t.Parallel()
	s := newKey(t)
	for line, want := range map[string]string{
		"upload":            "no key",
		"ssh-ed25519":       "no key",
		"upload, KEY":       "unknown",
		"no-pty KEY":        `"no-pty" is unknown`,
		"upload,upload KEY": "twice",
		`expires="20270101",expiry-time="20270101" KEY`: "twice",
		`upload="yes" KEY`:                      "no value",
		`path KEY`:                              "needs a value",
		`path=in KEY`:                           "quotes",
		`path="in KEY`:                          "closing quote",
		`path="in"x KEY`:                        "behind the closing quote",
		`path="/in" KEY`:                        "slash",
		`path="in/../.." KEY`:                   `".."`,
		`path="" KEY`:                           "no folder",
		`path="a//b" KEY`:                       "empty",
		`path=".ferry-partial" KEY`:             "ferry",
		`quota="0" KEY`:                         "above 0",
		`quota="5KB" KEY`:                       "unit",
		`quota="-1" KEY`:                        "number",
		`quota="9223372036854775808" KEY`:       "too large",
		`quota="8E" KEY`:                        "too large",
		`rate="fast" KEY`:                       "number",
		`max-links="0" KEY`:                     "from 1",
		`max-links="70000" KEY`:                 "from 1",
		`expires="2027-12-31" KEY`:              "20271231",
		`expires="20270230" KEY`:                "no such day",
		`download,delete KEY`:                   "delete",
		"ssh-ed25519 AAAA":                      "key",
		"ssh-ed25519 ****":                      "damaged",
		"ssh-dss AAAAB3NzaC1kc3M":               "not taken",
		"ssh-ed25519-cert-v01@openssh.com AAAA": "not taken",
		"ssh-rsa " + base64.StdEncoding.EncodeToString(s.Key()): "says",
		"KEY\x00":                               "zero byte",
		strings.Repeat("x", maxLine+1) + " KEY": "at most",
	} {
		text := "# a comment\n\n" + lineOf(newKey(t)) + "\n" + strings.ReplaceAll(line, "KEY", lineOf(s)) + "\n"
		_, err := parseAuthorized([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 4: ") {
			t.Errorf("%.60s: %v", line, err)
		}
	}
	twice := lineOf(s) + "\r\nupload " + lineOf(s)
	if _, err := parseAuthorized([]byte(twice)); err == nil || !strings.Contains(err.Error(), "line 2: the key is on line 1") {
		t.Error(err)
	}
	if _, err := parseAuthorized(make([]byte, maxFile+1)); err == nil {
		t.Error("a file that is too large is read")
	}
}

// A store is wholly valid, or it stays as it was.
func TestStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "authorized_keys")
	alice, bob := newKey(t), newKey(t)
	if _, err := OpenStore(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	writeFile(t, path, `path="in",expires="20300101Z" `+lineOf(alice)+" alice\n", 0o600)
	s, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	day := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	if g, err := s.Find(alice.Key(), day(2029)); err != nil || g.Path != "in" || g.Comment != "alice" || g.Line != 1 {
		t.Error(g, err)
	}
	if g, err := s.Find(alice.Key(), day(2030)); !errors.Is(err, ErrExpired) || g.Comment != "alice" {
		t.Error(g, err)
	}
	if g, err := s.Find(bob.Key(), day(2029)); !errors.Is(err, errUnknownKey) || g.Fingerprint != bob.Fingerprint() {
		t.Error(g, err)
	}
	look := func() (bool, error) {
		s.mu.Lock()
		s.looked = time.Time{}
		s.mu.Unlock()
		return s.Refresh()
	}
	if changed, err := look(); changed || err != nil {
		t.Error(changed, err)
	}
	writeFile(t, path, lineOf(bob)+" bob\nrubbish\n", 0o600)
	if changed, err := look(); changed || err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Error(changed, err)
	}
	if changed, err := look(); changed || err != nil {
		t.Error("the same error comes again:", err)
	}
	if err := s.Reload(); err == nil {
		t.Error("Reload tells no error")
	}
	if _, err := s.Find(alice.Key(), day(2029)); err != nil {
		t.Error("the old keys are gone:", err)
	}
	writeFile(t, path, lineOf(alice)+" alice\n", 0o600)
	if err := s.Reload(); err != nil {
		t.Error(err)
	}
	writeFile(t, path, lineOf(bob)+" bob\nrubbish\n", 0o600)
	if changed, err := look(); changed || err == nil {
		t.Error("the same mistake, made again, is not told:", changed, err)
	}
	writeFile(t, path, lineOf(bob)+" bob\n", 0o600)
	if changed, err := look(); !changed || err != nil {
		t.Error(changed, err)
	}
	if _, err := s.Find(alice.Key(), day(2029)); !errors.Is(err, errUnknownKey) {
		t.Error(err)
	}
	if g := s.Grants(); len(g) != 1 || g[0].Comment != "bob" {
		t.Error(g)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := look(); err == nil {
		t.Error("that the file is gone is not told")
	}
	if _, err := s.Find(bob.Key(), day(2029)); err != nil {
		t.Error(err)
	}
}

// A file that others can change is not trusted, as sshd does.
func TestStoreAccess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no bits of access")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "authorized_keys")
	writeFile(t, path, lineOf(newKey(t)), 0o664)
	if _, err := OpenStore(path); err == nil || !strings.Contains(err.Error(), "others can change it") {
		t.Error(err)
	}
	writeFile(t, path, lineOf(newKey(t)), 0o644)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(path); err == nil || !strings.Contains(err.Error(), "its folder") {
		t.Error(err)
	}
	if err := os.Chmod(dir, os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(path); err != nil {
		t.Error(err)
	}

	// What a link in a folder of others names is what they want it to be.
	near := t.TempDir()
	link := filepath.Join(near, "keys")
	first := filepath.Join(t.TempDir(), "keys")
	if err := errors.Join(os.Chmod(dir, 0o700), os.Chmod(near, 0o700), os.Chmod(filepath.Dir(first), 0o700), os.Symlink(path, link), os.Symlink(link, first)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, first} {
		if _, err := OpenStore(name); err != nil {
			t.Error(err)
		}
	}
	if err := os.Chmod(near, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, first} {
		if _, err := OpenStore(name); err == nil || !strings.Contains(err.Error(), "its folder") || !strings.Contains(err.Error(), filepath.Base(near)) {
			t.Error(err)
		}
	}
}

// FuzzAuthorized: what is read prints to lines that are read as the same.
func FuzzAuthorized(f *testing.F) {
	line := lineOf(newKey(f))
	f.Add("# c\n" + line + " alice\r\n")
	f.Add(`path="in/a\"lice",upload,download,delete,quota="50G",rate="20M",max-links="4",expires="20271231" ` + line)
	f.Add(`expiry-time="202712312359Z" ` + line + "  x\ty")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseAuthorized([]byte(text))
		if err != nil {
			return
		}
		for _, e := range all {
			again, err := parseEntry(e.String())
			if err != nil {
				t.Fatalf("%q: %v", e.String(), err)
			}
			if !again.grant.Expires.Equal(e.grant.Expires) {
				t.Errorf("%v and %v", again.grant.Expires, e.grant.Expires)
			}
			again.grant.Expires, again.grant.Line = e.grant.Expires, e.grant.Line
			if !reflect.DeepEqual(again, e) {
				t.Errorf("%+v is read again as %+v", e, again)
			}
		}
	})
}
