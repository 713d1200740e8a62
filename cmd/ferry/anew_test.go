//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
)

// A capital letter answers all conflicts of one offer. A sender that begins anew with
// another offer has its conflicts asked for again: nobody saw them before.
func TestAnswerForAllIsOfOneOffer(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	person, env := terminalOf(t)
	dst := t.TempDir()
	for _, name := range []string{"a", "b"} {
		must(os.WriteFile(filepath.Join(dst, name), []byte("older, and longer"), 0o600))
	}
	env.Args, env.Stdout = []string{"ferry", "receive", "--listen", "127.0.0.1:0", "--out", dst}, io.Discard
	env.Getenv = func(name string) string { return map[string]string{codeVariable: aCode}[name] }
	await := func() {
		t.Helper()
		select {
		case <-person.seen.next():
		case <-time.After(scriptLimit):
			t.Fatalf("the screen only shows\n%s", person.seen)
		}
	}
	person.seen.expect("PATH...")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, env) }()
	defer func() { cancel(); <-ended }()
	await()
	_, address, _ := strings.Cut(person.seen.String(), "listening on ")
	address = strings.TrimSpace(strings.SplitN(address, "\n", 2)[0])
	code, err := link.ParseCode(aCode)
	must(err)
	for _, name := range []string{"a", "b"} {
		person.seen.expect("? [y/N] ")
		l, err := link.Dial(t.Context(), address, link.Config{Role: link.Sender, Code: code, RetryFor: time.Minute}, time.Minute)
		must(err)
		defer l.Close()
		o := framing.Offer{RetrySeconds: 60, Items: 1, Bytes: 4, Listed: []framing.OfferItem{{Kind: framing.KindFile, Name: []byte(name), Size: 5}}}
		must(l.Stream(0).Send(true, framing.TypeOffer, o.Append(nil)))
		await()
		person.seen.expect("a capital for all: ")
		person.types(t, "y\n")
		e := framing.Entry{Kind: framing.KindFile, Name: []byte(name), Mode: 0o600, Size: 4}
		must(l.Stream(0).Send(true, framing.TypeEntry, e.Append(framing.AppendEntryHeader(nil, 1))))
		wanted := make(chan struct{})
		go func() {
			defer close(wanted)
			for {
				what, _, err := l.Stream(0).Next()
				if err == nil {
					_, err = l.Stream(0).Body()
				}
				if err != nil || what == framing.TypeWant {
					return
				}
			}
		}()
		select {
		case <-person.seen.next():
		case <-wanted:
			t.Fatalf("%s was not asked about:\n%s", name, person.seen)
		}
		person.types(t, "O\n")
		<-wanted
		l.Abort(nil)
	}
}
