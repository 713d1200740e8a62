package serve

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/keys"
	"ferry/transfer/link"
	"ferry/transfer/send"
)

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(enough); !holds(); {
		if time.Now().After(end) {
			t.Fatal(what)
		}
		<-time.After(time.Millisecond)
	}
}

// A visit that is ended waits for no other: two links of a key that were lost together would
// wait for each other.
func TestLostTogether(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key := r.allow(keys.Grant{Upload: true})
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 8<<20)})
	r.interrupt(key, filepath.Join(src, "large"))
	guests := r.server.guests
	eventually(t, "it is not lost", func() bool { _, lost := guests.count(); return lost == 1 })
	first := guests.all(false)[0]
	// Another one is lost too, and does not end.
	stuck := &visit{server: r.server, link: first.link, grant: first.grant, host: first.host, done: make(chan struct{})}
	if !guests.enter(stuck) {
		t.Fatal("nobody comes in")
	}
	defer guests.leave(stuck)
	l, err := r.dial(link.Sender, key)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var v *visit
	eventually(t, "it does not come in", func() bool {
		for _, o := range guests.all(false) {
			if o != stuck && o != first {
				v = o
			}
		}
		return v != nil
	})
	v.end(errAgain)
	select {
	case <-v.done:
	case <-time.After(enough):
		t.Error("it waits for another one")
		close(stuck.done)
	}
}

// A key whose line goes just when it has been admitted is sent away as others are.
func TestForgottenAtTheDoor(t *testing.T) {
	var r *rig
	r = start(t, t.TempDir(), func(cfg *Config) {
		cfg.Find = func(key []byte, now time.Time) (keys.Grant, error) {
			g, err := r.find(key, now)
			if err == nil {
				r.mu.Lock()
				delete(r.grants, string(key))
				r.mu.Unlock()
				r.server.Recheck() // it is not here yet
			}
			return g, err
		}
	})
	key := r.allow(keys.Grant{Upload: true})
	src := write(t, t.TempDir(), map[string]string{"f": "x"})
	if _, err := r.put(key, "", filepath.Join(src, "f")); code(err) != framing.CodeCodeRefused {
		t.Error(err)
	}
	holds(t, r.root, nil)
}

// forger shows a key that it does not have.
type forger struct{ link.Signer }

// Sign signs something else.
func (f forger) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return f.Signer.Sign(ctx, append(message, 0))
}

// Whoever shows a key that is known, and does not prove it, is told of as a stranger, and is
// told no more than with any other key.
func TestForger(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	known := r.allow(keys.Grant{Upload: true})
	var said []string
	for _, key := range []link.Signer{forger{known}, forger{newSigner(t)}, newSigner(t)} {
		_, err := r.dial(link.Sender, key)
		if code(err) != framing.CodeCodeRefused {
			t.Fatal(err)
		}
		said = append(said, err.Error())
	}
	if said[0] != said[1] || said[0] != said[2] {
		t.Errorf("%q", said)
	}
	r.events.until(t, func(e Event) bool {
		no, ok := e.(Refusal)
		return ok && no.Cause == CauseStranger && strings.Contains(no.Err.Error(), "the key is not proved") && no.Fingerprint == ""
	})
}

// Who may do less than before is sent away; another limit is no reason.
func TestRecheckOfRights(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	src := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", 8<<20)})
	for name, now := range map[string]keys.Grant{
		"path":   {Path: "other", Upload: true, Download: true, Delete: true},
		"upload": {Path: "upload", Download: true},
		"delete": {Path: "delete", Upload: true, Download: true},
		"same":   {Path: "same", Upload: true, Download: true, Delete: true, Quota: 1 << 30, Rate: 1 << 30},
	} {
		key := r.allow(keys.Grant{Path: name, Upload: true, Download: true, Delete: true})
		large := r.slow(key, filepath.Join(src, "large"), nil)
		<-large.moving
		r.set(key, now)
		r.server.Recheck()
		want := framing.CodeCodeRefused
		if name == "same" {
			want = framing.CodeNone
			large.goOn()
		}
		if err := <-large.ended; code(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who has the code does not find what others with it have not finished.
func TestCodeKeepsApart(t *testing.T) {
	c, err := link.GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	if ln, err := net.Listen("tcp", "127.0.0.2:0"); err != nil {
		t.Skip(err) // a system where 127.0.0.2 has to be configured
	} else {
		_ = ln.Close()
	}
	r := start(t, t.TempDir(), func(cfg *Config) { cfg.Code, cfg.ByCode = c, keys.Grant{Upload: true} })
	large := strings.Repeat("0123456789abcdef", 1<<20)
	src := write(t, t.TempDir(), map[string]string{"large": large})
	dial := func(from string) *link.Link {
		cfg := r.config(link.Sender, nil)
		cfg.Keys, cfg.Code = nil, c
		cfg.Connect = func(ctx context.Context, w link.Want) (net.Conn, error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			return d.DialContext(ctx, "tcp", w.Addr)
		}
		l, err := link.Dial(t.Context(), r.addr, cfg, enough)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	_ = dial("127.0.0.2").Close()
	r.interruptOver(dial("127.0.0.1"), filepath.Join(src, "large"))
	for _, from := range []string{"127.0.0.2", "127.0.0.1"} {
		res, err := send.Send(t.Context(), dial(from), sending(t, "", filepath.Join(src, "large")))
		if err != nil || (res.Moved < int64(len(large))) != (from == "127.0.0.1") {
			t.Errorf("%s: %+v, %v", from, res, err)
		}
	}
}

// Who may only upload does not find out by the place that he names whether something has that
// name.
func TestBlindToPlaces(t *testing.T) {
	there := map[string]string{"file": "secret", "d/file": "secret", "d/e/f": "secret"}
	src := write(t, t.TempDir(), map[string]string{"f": "new"})
	for _, place := range []string{"file", "file/deep", "d/file/x", "d/e/f"} {
		var said [2][]string
		for i, root := range []string{t.TempDir(), write(t, t.TempDir(), there)} {
			r := start(t, root, nil)
			key := r.allow(keys.Grant{Upload: true})
			l, err := r.dial(link.Sender, key)
			if err != nil {
				t.Fatal(err)
			}
			o := &overhearing{Link: l}
			if _, err := send.Send(t.Context(), o, sending(t, place, filepath.Join(src, "f"))); err != nil {
				t.Errorf("%s: %v", place, err)
			}
			said[i] = o.all()
			if b, err := os.ReadFile(filepath.Join(root, "file")); i == 1 && (err != nil || string(b) != "secret") {
				t.Errorf("%q, %v", b, err)
			}
		}
		if a, b := strings.Join(said[0], "\n"), strings.Join(said[1], "\n"); a != b {
			t.Errorf("%s: told was\n%s\nand\n%s", place, a, b)
		}
	}
}
