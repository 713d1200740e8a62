package serve

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/link"
)

// What comes lands in the root, the path of the key, that of the address, and its name.
func TestUploadLands(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	src := write(t, t.TempDir(), map[string]string{"f": "one", "d/g": "two"})
	for _, c := range []struct{ path, place, at string }{
		{"", "", ""}, {"in/alice", "", "in/alice/"}, {"in/bob", "x/y", "in/bob/x/y/"}, {"", "/a//b/./", "a/b/"},
	} {
		key := r.allow(keys.Grant{Path: c.path, Upload: true, Download: true, Comment: "c"})
		res, err := r.put(key, c.place, filepath.Join(src, "f"), filepath.Join(src, "d"))
		if err != nil || res.Delivered != 3 || !res.Acknowledged {
			t.Errorf("%+v: %+v, %v", c, res, err)
		}
		for _, f := range []string{"f", "d/g"} {
			if _, err := os.Stat(filepath.Join(r.root, c.at, f)); err != nil {
				t.Error(err)
			}
		}
		got := r.events.until(t, func(e Event) bool { d, ok := e.(Delivery); return ok && d.Fingerprint == keys.Fingerprint(key.Key()) }).(Delivery)
		if got.Direction != Upload || got.Comment != "c" || got.Exit != 0 || got.Result.Delivered != 3 || got.Result.Digest != res.Digest || got.Result.Bytes != 6 {
			t.Errorf("told was %+v", got)
		}
	}
}

// What is asked for is sent, as on a command line.
func TestDownload(t *testing.T) {
	r := start(t, write(t, t.TempDir(), map[string]string{"pub/f": "one", "pub/d/g": "two", "other/h": "three"}), nil)
	key := r.allow(keys.Grant{Path: "pub", Download: true})
	for _, c := range []struct {
		asked []string
		want  map[string]string
	}{
		{[]string{"f"}, map[string]string{"f": "one"}},
		{[]string{"/f"}, map[string]string{"f": "one"}},
		{[]string{"d"}, map[string]string{"d/g": "two"}},
		{[]string{"d/"}, map[string]string{"g": "two"}},
		{[]string{"."}, map[string]string{"f": "one", "d/g": "two"}},
		{[]string{"/"}, map[string]string{"f": "one", "d/g": "two"}},
		{[]string{"f", "d/./g"}, map[string]string{"f": "one", "g": "two"}},
	} {
		folder, _, err := r.get(key, c.asked...)
		if err != nil {
			t.Errorf("%q: %v", c.asked, err)
			continue
		}
		holds(t, folder, c.want)
	}
	for _, asked := range []string{"absent", "other/h"} {
		if _, _, err := r.get(key, asked); !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("%q: %v", asked, err)
		}
	}
	for _, asked := range []string{"../other/h", "d/../../other", "a/..", ".ferry-partial", "d/.ferry-partial/x"} {
		if _, _, err := r.get(key, asked); code(err) != framing.CodeDeclined {
			t.Errorf("%q: %v", asked, err)
		}
	}
}

// A key does what its line permits, and nothing is made for one that may not.
func TestRights(t *testing.T) {
	root := write(t, t.TempDir(), map[string]string{"f": "old", "same": "same"})
	r := start(t, root, nil)
	src := write(t, t.TempDir(), map[string]string{"f": "new"})
	now := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(src, "f"), now, now); err != nil {
		t.Fatal(err)
	}
	old := map[string]string{"f": "old", "same": "same"}
	for _, c := range []struct {
		name     string
		grant    keys.Grant
		put, get framing.Code
		want     map[string]string
	}{
		{"nothing", keys.Grant{Path: "made"}, framing.CodeDeclined, framing.CodeDeclined, old},
		{"download", keys.Grant{Download: true}, framing.CodeDeclined, framing.CodeNone, old},
		{"upload", keys.Grant{Upload: true}, framing.CodeNone, framing.CodeDeclined, map[string]string{"f": "old", "same": "same", "f (1)": "new"}},
		{"both", keys.Grant{Upload: true, Download: true}, framing.CodeNone, framing.CodeNone, map[string]string{"f": "old", "same": "same", "f (1)": "new"}},
		{"delete", keys.Grant{Upload: true, Download: true, Delete: true}, framing.CodeNone, framing.CodeNone, map[string]string{"f": "new", "same": "same", "f (1)": "new"}},
		{"expired", keys.Grant{Upload: true, Download: true, Expires: now}, framing.CodeCodeRefused, framing.CodeCodeRefused, nil},
	} {
		key := r.allow(c.grant)
		if _, err := r.put(key, "", filepath.Join(src, "f")); code(err) != c.put {
			t.Errorf("%s: put: %v", c.name, err)
		}
		if _, _, err := r.get(key, "same"); code(err) != c.get {
			t.Errorf("%s: get: %v", c.name, err)
		}
		if c.want != nil {
			holds(t, root, c.want)
		}
	}
	if _, err := r.put(newSigner(t), "", filepath.Join(src, "f")); code(err) != framing.CodeCodeRefused {
		t.Errorf("an unknown key: %v", err)
	}
	for _, cause := range []Cause{CauseKey, CauseExpired, CauseNotMay} {
		r.events.until(t, func(e Event) bool { no, ok := e.(Refusal); return ok && no.Cause == cause })
	}
}

// Who knows the code may upload, several times, and do nothing else.
func TestCode(t *testing.T) {
	c, err := link.GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, t.TempDir(), func(cfg *Config) { cfg.Code, cfg.ByCode = c, keys.Grant{Upload: true} })
	src := write(t, t.TempDir(), map[string]string{"f": "one", "g": "two"})
	dial := func(role link.Role) *link.Link {
		cfg := r.config(role, nil)
		cfg.Keys, cfg.Code = nil, c
		l, err := link.Dial(t.Context(), r.addr, cfg, enough)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, name := range []string{"f", "g"} {
		if _, err := sendOver(t, dial(link.Sender), sending(t, "", filepath.Join(src, name))); err != nil {
			t.Error(err)
		}
	}
	holds(t, r.root, map[string]string{"f": "one", "g": "two"})
	if err := fetchOver(t, dial(link.Receiver), "f"); code(err) != framing.CodeDeclined {
		t.Errorf("a download by code: %v", err)
	}
}

// A place that cannot be a folder is named as the peer wrote it.
func TestPlaceThatIsNoFolder(t *testing.T) {
	root := write(t, t.TempDir(), map[string]string{"in/file": "x"})
	r := start(t, root, nil)
	key := r.allow(keys.Grant{Path: "in", Upload: true, Download: true})
	_, err := r.put(key, "file/sub", filepath.Join(root, "in", "file"))
	if err == nil || !strings.Contains(err.Error(), `"file/sub"`) || strings.Contains(err.Error(), "in/") {
		t.Error(err)
	}
}
