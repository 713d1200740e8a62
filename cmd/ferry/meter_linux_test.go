package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// told takes lines of --json, and finds the first address that is listened on.
type told struct {
	mu      sync.Mutex
	text    bytes.Buffer
	address chan string
}

func (o *told) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if _, after, found := strings.Cut(o.text.String(), `{"type":"listening","addresses":["`); found && o.address != nil {
		address, _, _ := strings.Cut(after, `"`)
		o.address <- address
		o.address = nil
	}
	return len(p), nil
}

// Over a link that is really cut, neither side tells a rate of before the cut after it, nor
// one that no byte came at.
func TestRateStartsAnewAtALostLink(t *testing.T) {
	const size, rate = 24 << 20, 6 << 20
	dir := t.TempDir()
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	check(t, os.WriteFile(filepath.Join(dir, "f"), content, 0o644))
	env := func(out io.Writer, args ...string) *Env {
		return &Env{
			Args: append([]string{"ferry"}, args...), Stdin: strings.NewReader(""), Stdout: out, Stderr: io.Discard,
			Getenv: func(name string) string { return map[string]string{codeVariable: aCode}[name] },
		}
	}
	sent, received := &told{address: make(chan string, 1)}, &told{}
	address := sent.address
	ended := make(chan int, 1)
	go func() {
		ended <- run(t.Context(), env(sent, "send", "--json", "--listen", "127.0.0.1:0", "--bwlimit", "6M", "--compress", "never", filepath.Join(dir, "f")))
	}()
	way := newCut(t, <-address, size/2, func() {})
	if exit := run(t.Context(), env(received, "receive", "--json", "--yes", "--from", way.ln.Addr().String(), "--out", filepath.Join(dir, "in"))); exit != 0 {
		t.Errorf("the receiver ends with %d:\n%s", exit, received.text.String())
	}
	if exit := <-ended; exit != 0 {
		t.Errorf("the sender ends with %d:\n%s", exit, sent.text.String())
	}
	way.close()
	for side, out := range map[string]*told{"sender": sent, "receiver": received} {
		rated, lost, fresh := 0, false, false
		for line := range strings.Lines(out.text.String()) {
			var o struct {
				Type string
				Rate int64
				Left *int64 `json:"left_ms"`
			}
			check(t, json.Unmarshal([]byte(line), &o))
			switch {
			case o.Type == "lost":
				if rated == 0 {
					t.Errorf("%s: no rate before the loss", side)
				}
				lost, fresh = true, true
			case o.Type != "progress":
			case fresh && (o.Rate != 0 || o.Left != nil):
				t.Errorf("%s: the first progress after the loss has a rate: %s", side, line)
				fresh = false
			case o.Rate > 0:
				rated++
				if o.Rate > 4*rate {
					t.Errorf("%s: %d bytes a second, and %d are allowed", side, o.Rate, rate)
				}
			default:
				fresh = false
			}
		}
		if !lost {
			t.Errorf("%s: the link was not lost:\n%s", side, out.text.String())
		}
	}
}
