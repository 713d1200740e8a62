package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ferry/transfer/link"
	"ferry/transfer/serve"
)

// A line about a refusal has the address that it came from, and a crowd from one host has one
// line. A code that is burnt is told, to people and to programs.
func TestServeLog(t *testing.T) {
	for _, json := range []bool{false, true} {
		var out bytes.Buffer
		l := newServeLog(&Env{Stdout: &out, Stderr: &out}, json, false)
		l.observe(serve.Refusal{Cause: serve.CauseExpired, Comment: "alice at  home", Fingerprint: "SHA256:x", Peer: "192.0.2.7:41", Err: errors.New("the key has expired")})
		for _, port := range []string{"1", "2", "3"} {
			l.observe(serve.Refusal{Cause: serve.CauseStranger, Peer: "[2001:db8::7]:" + port})
		}
		l.observe(serve.Refusal{Cause: serve.CauseStranger, Peer: "192.0.2.9:5"})
		l.tell()
		l.observe(serve.Burnt{Err: link.ErrBurnt})
		for range 2 * mostRefusers { // more hosts than are told apart
			l.observe(serve.Refusal{Cause: serve.CauseCode, Peer: "192.0.2." + strings.Repeat("1", l.no) + ":9"})
		}
		l.tell()
		want := []string{
			"refused: alice at  home 192.0.2.7:41 the key has expired\n", "refused: [2001:db8::7]:3 ended before any proof (3 times)\n",
			"refused: 192.0.2.9:5 ended before any proof\n", "keys do\n", "refused: a wrong code (64 times)\n",
		}
		if json {
			want = []string{
				`{"type":"refused","cause":"expired","times":1,"key":"alice at  home","fingerprint":"SHA256:x","peer":"192.0.2.7:41","message":"the key has expired"}`,
				`{"type":"refused","cause":"stranger","times":3,"peer":"[2001:db8::7]:3"}`, `{"type":"burnt","message":"`, `{"type":"refused","cause":"code","times":64}`,
			}
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("no %s in\n%.2000s", w, out.String())
			}
		}
	}
	for _, e := range []link.Event{{Kind: link.EventBurnt, Err: link.ErrBurnt}} {
		if v, ok := linkObject(e); linkText(e, false) == "" || !ok || v.Type != "burnt" {
			t.Errorf("nothing tells of %v", e.Err)
		}
	}
}
