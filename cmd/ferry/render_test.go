package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/tree"
)

// certCleanups are what crypto/tls has the runtime do for certificates that nobody
// uses any more, whenever it likes (runtime.runCleanups).
func certCleanups() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func1"),
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func2"),
		goleak.IgnoreAnyFunction("runtime.runCleanups"), // the runtime's own, between two of them
	}
}

// scene is a delivery in which everything happens, with names that would
// mislead.
func scene(r renderer) {
	r.listening(invitation{
		role: link.Sender, scope: reach.Anywhere, code: "7-copper-violin-meadow",
		at: []reach.Address{{Host: "192.0.2.7", Port: 33779}, {Host: "2001:db8::7", Port: 33779}},
	})
	r.linkEvent(link.Event{Kind: link.EventWaiting, Addr: "192.0.2.9:33779", Attempts: 1, Err: errors.New("connection refused")})
	r.linkEvent(link.Event{Kind: link.EventWaiting, Addr: "192.0.2.9:33779", Attempts: 2, Err: errors.New("connection refused")})
	r.linkEvent(link.Event{Kind: link.EventRefused, Addr: "192.0.2.66:1", Attempts: 1, Limit: 64})
	r.linkEvent(link.Event{Kind: link.EventBroken, Addr: "192.0.2.66:2", Err: errors.New("EOF")})
	r.linkEvent(link.Event{Kind: link.EventConnected, Addr: "192.0.2.9:33779"})
	r.linkEvent(link.Event{Kind: link.EventLost, Addr: "192.0.2.9:33779", Window: 10 * time.Minute, Err: io.ErrUnexpectedEOF})
	r.linkEvent(link.Event{Kind: link.EventRetrying, Addr: "192.0.2.9:33779", Attempts: 1, Elapsed: time.Second, Window: 10 * time.Minute, Err: errors.New("no \x1b[1mroute")})
	r.linkEvent(link.Event{Kind: link.EventRejoined, Addr: "192.0.2.9:33779", Attempts: 2, Elapsed: 2500 * time.Millisecond})
	for _, e := range []transfer.Event{
		transfer.PhaseChanged{Phase: transfer.PhaseOffering},
		transfer.Offered{Offer: transfer.Offer{Items: 2, Bytes: 10, Peer: "192.0.2.9:33779", Listed: []transfer.OfferItem{
			{Name: "a\x1b[1m", Kind: tree.File, Size: 10}, {Name: "d", Kind: tree.Folder, Size: -1}}}},
		transfer.PhaseChanged{Phase: transfer.PhaseTransfer},
		transfer.ItemStarted{Path: "a\x1b[1m", Size: 10, Reuse: 4},
		transfer.ItemDone{Path: "a\x1b[1m", Kind: tree.File, Size: 10, Status: transfer.StatusDelivered, Hashed: true, Digest: checksum.Sum(nil)},
		transfer.ItemDone{Path: "caf\xe9", Kind: tree.File, Size: 3, Status: transfer.StatusRenamed, NewName: "caf\xe9 (1)"},
		transfer.ItemDone{Path: "d", Kind: tree.Folder, Status: transfer.StatusSame},
		transfer.ItemDone{Path: "p", Kind: tree.FIFO, Status: transfer.StatusAdjusted},
		transfer.ItemDone{Path: "k\r", Kind: tree.File, Size: 1, Status: transfer.StatusSkipped, Cause: framing.CodeConflict},
		transfer.ItemDeleted{Path: "old\n", Kind: tree.File, Size: 7},
		transfer.ItemFailed{Path: "d/\u202egnp.exe", Err: &transfer.Error{Op: "reading", Path: "d/x", Code: framing.CodeUnreadable,
			Err: &fs.PathError{Op: "open", Path: "d/x", Err: fs.ErrPermission}}},
		transfer.ItemFailed{Path: "d/\u009b2J", Err: &transfer.Error{Code: framing.CodeConflict, Remote: true}},
		transfer.ItemWarned{Path: "d/\x1bw", What: tree.AttrOwner, Code: framing.CodePermission, Err: errors.New("not \x1b[1mroot"), Remote: true},
		transfer.ItemWarned{What: tree.AttrXattrs, Code: framing.CodeDeclined, Remote: true},
		transfer.ItemExcluded{Path: "d/\x1bo", Exclusion: tree.Exclusion{By: tree.Flag("--max-size")}},
		transfer.ItemExcluded{Path: "d/mnt\r", Exclusion: tree.Exclusion{By: tree.FlagOneFileSystem, Folder: true}},
		transfer.Notice{Path: "pipe\n", Err: tree.ErrSpecial},
		transfer.Progress{Bytes: 10, Moved: 6, Total: 13, Done: 3, Items: 4, Exact: true},
	} {
		r.Observe(e)
	}
}

func sceneEnd() outcome {
	return outcome{
		began: true, exit: exitIncomplete, err: transfer.ErrIncomplete, hint: "run again: ferry send 'a b'", manifest: "sums",
		result: transfer.Result{Delivered: 2, Replaced: 1, Same: 2, Adjusted: 1, Skipped: 1, Excluded: 2, Deleted: 1, Failed: 2, Files: 2, Bytes: 13, Moved: 6, Wire: 5000, Reused: 4, Durable: true, Acknowledged: true, Elapsed: 1500 * time.Millisecond,
			Lost: []transfer.Loss{{What: tree.AttrOwner, Items: 1, Code: framing.CodePermission, Path: "d/\x1bw", Remote: true}, {What: tree.AttrXattrs, Code: framing.CodeDeclined, Remote: true}}},
	}
}

func TestText(t *testing.T) {
	defer goleak.VerifyNone(t, certCleanups()...)
	var out bytes.Buffer
	c := newConsole(&out, outputFlags{verbose: true}, nil, nil)
	scene(c)
	if err := c.finish(sceneEnd()); err != nil {
		t.Fatal(err)
	}
	want := `listening on 192.0.2.7:33779, [2001:db8::7]:33779
on the other machine run:
    ferry receive --from "192.0.2.7,2001:db8::7"
and give it this code when it asks:
    7-copper-violin-meadow
trying 192.0.2.9: connection refused
a wrong code from 192.0.2.66 (1 of 64)
dropped a connection from 192.0.2.66: EOF
connected to 192.0.2.9
the link was lost: it ended without a goodbye; it is waited for up to 10:00
no link yet, try 1: no \x1b[1mroute
the link is back after 2.5 s, going on where it was
delivered: a\x1b[1m (10 B)
renamed: caf\xe9 to caf\xe9 (1)
unchanged: d
new metadata: p
skipped: k\x0d: a different item exists
deleted: old\x0a
not delivered: d/\u{202e}gnp.exe: unreadable: permission denied
not delivered: d/\u{9b}2J: a different item exists (at the other side)
owner not applied: d/\x1bw: permission denied (at the other side)
excluded: d/\x1bo: --max-size
left out: d/mnt\x0d: on another file system
left out: pipe\x0a: ` + tree.ErrSpecial.Error() + `
2 items delivered (1 new, 1 replaced), 1 unchanged, 1 with new metadata, 1 skipped, 2 excluded, 1 deleted, 2 failed; 13 B (4 B there before, 3 B in holes) in 1.5 s, 4 B/s
owner: not applied to 1 item: permission denied; the first is d/\x1bw
extended attribute: not applied: the other side was not given --xattrs or --archive
ferry: some items were not delivered
ferry: run again: ferry send 'a b'
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// rehearsal is what a dry run shows.
func rehearsal(r renderer) error {
	for _, e := range []transfer.Event{
		transfer.Offered{Offer: transfer.Offer{Items: 1, Peer: "192.0.2.9:33779", DryRun: true}},
		transfer.ItemDone{DryRun: true, Path: "n\r", Kind: tree.File, Size: 10, Status: transfer.StatusDelivered},
		transfer.ItemDone{DryRun: true, Path: "d", Kind: tree.Folder, Status: transfer.StatusDelivered},
		transfer.ItemDone{DryRun: true, Path: "r", Kind: tree.File, Size: 10, Status: transfer.StatusReplaced},
		transfer.ItemDone{DryRun: true, Path: "f", Kind: tree.File, Size: 10, Status: transfer.StatusRenamed, NewName: "f (1)"},
		transfer.ItemDone{DryRun: true, Path: "s", Kind: tree.File, Size: 10, Status: transfer.StatusSkipped, Cause: framing.CodeConflict},
		transfer.ItemDone{DryRun: true, Path: "u", Kind: tree.File, Size: 10, Status: transfer.StatusSame},
		transfer.ItemDone{DryRun: true, Path: "m", Kind: tree.File, Size: 10, Status: transfer.StatusAdjusted},
		transfer.ItemFailed{Path: "x", Err: &transfer.Error{Code: framing.CodeNoSpace, Remote: true}},
		transfer.ItemDeleted{DryRun: true, Path: "o\x1b", Kind: tree.Folder, Size: -1},
	} {
		r.Observe(e)
	}
	result := transfer.Result{DryRun: true, Delivered: 4, Replaced: 1, Same: 2, Adjusted: 1, Skipped: 1, Deleted: 1, Failed: 1, Bytes: 30, Acknowledged: true}
	return r.finish(outcome{began: true, exit: exitIncomplete, err: rehearsedError(result, transfer.ErrIncomplete), result: result})
}

func TestDryRunIsTold(t *testing.T) {
	var people, programs bytes.Buffer
	if err := rehearsal(newConsole(&people, outputFlags{}, nil, nil)); err != nil {
		t.Error(err)
	}
	if err := rehearsal(newJSONRenderer(&programs, &time.Ticker{C: make(chan time.Time)})); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ got, want string }{
		{people.String(), `would send: n\x0d (10 B)
would make: d
would replace: r (10 B)
would rename: f to f (1) (10 B)
would skip: s: a different item exists
would give new metadata: m
would fail: x: no space left (at the other side)
would delete: o\x1b
would deliver 4 items (3 new, 1 replaced), leave 1 unchanged, give 1 new metadata, skip 1, delete 1, fail for 1; needs 30 B of space there
a dry run: nothing was changed
ferry: 1 item would not be delivered
`},
		{programs.String(), string(jsonLine(startObject())) + `{"type":"offer","peer":"192.0.2.9:33779","items":1,"bytes":0,"exact":false,"dry_run":true,"listed":[]}
{"type":"item","path":"n\r","kind":"file","status":"would_send","size":10}
{"type":"item","path":"d","kind":"folder","status":"would_send"}
{"type":"item","path":"r","kind":"file","status":"would_replace","size":10}
{"type":"item","path":"f","kind":"file","status":"would_rename","size":10,"new_name":"f (1)"}
{"type":"item","path":"s","kind":"file","status":"would_skip","cause":"a different item exists","size":10}
{"type":"item","path":"u","kind":"file","status":"unchanged","size":10}
{"type":"item","path":"m","kind":"file","status":"would_adjust","size":10}
{"type":"failed","path":"x","code":16,"cause":"no space left","remote":true}
{"type":"would_delete","path":"o\u001b","kind":"folder"}
{"type":"result","ok":false,"exit":1,"dry_run":true,"delivered":4,"replaced":1,"same":2,"adjusted":1,"skipped":1,"excluded":0,"deleted":1,"failed":1,"files":0,"bytes":30,"moved":0,"wire_bytes":0,"resent":0,"streams":0,"reused":0,"durable":false,"acknowledged":true,"elapsed_ms":0,"error":{"code":"incomplete","message":"1 item would not be delivered"}}
`},
	} {
		if c.got != c.want {
			t.Errorf("got:\n%s\nwant:\n%s", c.got, c.want)
		}
	}
}

func TestQuietTextSaysOnlyWhatWentWrong(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out, outputFlags{quiet: true}, nil, nil)
	scene(c)
	_ = c.finish(sceneEnd())
	for line := range strings.Lines(out.String()) {
		switch {
		case strings.HasPrefix(line, "not delivered:"), strings.HasPrefix(line, "ferry: "), strings.HasPrefix(line, "a wrong code"):
		case strings.Contains(out.String()[:strings.Index(out.String(), "a wrong code")], line): // the code and where to give it
		default:
			t.Errorf("quiet shows %q", line)
		}
	}
	out.Reset()
	c = newConsole(&out, outputFlags{quiet: true}, nil, nil)
	c.listening(invitation{role: link.Sender, at: []reach.Address{{Host: "192.0.2.7", Port: 1}}})
	_ = c.finish(outcome{began: true, result: transfer.Result{Delivered: 1, Durable: true}})
	if out.Len() > 0 {
		t.Errorf("quiet shows of a success: %q", out.String())
	}
}

func TestJSON(t *testing.T) {
	defer goleak.VerifyNone(t, certCleanups()...)
	var out bytes.Buffer
	r := newJSONRenderer(&out, &time.Ticker{C: make(chan time.Time)})
	scene(r)
	if err := r.finish(sceneEnd()); err != nil {
		t.Fatal(err)
	}
	want := string(jsonLine(startObject())) + `{"type":"listening","addresses":["192.0.2.7:33779","[2001:db8::7]:33779"],"command":"ferry receive --from \"192.0.2.7,2001:db8::7\"","code":"7-copper-violin-meadow"}
{"type":"waiting","address":"192.0.2.9:33779","attempts":1,"message":"connection refused"}
{"type":"waiting","address":"192.0.2.9:33779","attempts":2,"message":"connection refused"}
{"type":"code_refused","address":"192.0.2.66:1","attempts":1,"limit":64}
{"type":"dropped","address":"192.0.2.66:2","message":"EOF"}
{"type":"connected","address":"192.0.2.9:33779"}
{"type":"lost","address":"192.0.2.9:33779","window_ms":600000,"message":"it ended without a goodbye"}
{"type":"retrying","address":"192.0.2.9:33779","attempts":1,"elapsed_ms":1000,"window_ms":600000,"message":"no \\x1b[1mroute"}
{"type":"rejoined","address":"192.0.2.9:33779","attempts":2,"elapsed_ms":2500}
{"type":"phase","phase":"waiting"}
{"type":"offer","peer":"192.0.2.9:33779","items":2,"bytes":10,"exact":false,"listed":[{"kind":"file","path":"a\u001b[1m","size":10},{"kind":"folder","path":"d"}]}
{"type":"phase","phase":"sending"}
{"type":"started","path":"a\u001b[1m","size":10,"reuse":4}
{"type":"item","path":"a\u001b[1m","kind":"file","status":"delivered","size":10,"digest":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"}
{"type":"item","path":"caf\\xe9","path_b64":"Y2Fm6Q==","kind":"file","status":"renamed","size":3,"new_name":"caf\\xe9 (1)","new_name_b64":"Y2Fm6SAoMSk="}
{"type":"item","path":"d","kind":"folder","status":"unchanged"}
{"type":"item","path":"p","kind":"fifo","status":"adjusted"}
{"type":"item","path":"k\r","kind":"file","status":"skipped","cause":"a different item exists","size":1}
{"type":"deleted","path":"old\n","kind":"file","size":7}
{"type":"failed","path":"d/\u202egnp.exe","code":1,"cause":"unreadable","message":"permission denied","remote":false}
{"type":"failed","path":"d/\u009b2J","code":3,"cause":"a different item exists","remote":true}
{"type":"warned","path":"d/\u001bw","what":"owner","code":17,"cause":"permission denied","message":"not \\x1b[1mroot","remote":true}
{"type":"warned","path":"","what":"extended attribute","code":48,"cause":"declined","remote":true}
{"type":"excluded","path":"d/\u001bo","by":"--max-size"}
{"type":"excluded","path":"d/mnt\r","by":"--one-file-system"}
{"type":"notice","path":"pipe\n","message":"` + tree.ErrSpecial.Error() + `"}
{"type":"progress","bytes":10,"moved":6,"total":13,"done":3,"items":4,"exact":true,"rate":0}
{"type":"result","ok":false,"exit":1,"delivered":2,"replaced":1,"same":2,"adjusted":1,"skipped":1,"excluded":2,"deleted":1,"failed":2,"files":2,"bytes":13,"moved":6,"wire_bytes":5000,"resent":0,"streams":0,"reused":4,"durable":true,"acknowledged":true,"elapsed_ms":1500,"durable_by":"disk","manifest":"sums","lost":[{"what":"owner","items":1,"cause":"permission denied"},{"what":"extended attribute","items":0,"cause":"declined"}],"error":{"code":"incomplete","message":"some items were not delivered","hint":"run again: ferry send 'a b'"}}
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// JSON.md names every object and every field that the lines above have.
func TestJSONIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("JSON.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r := newJSONRenderer(&out, &time.Ticker{C: make(chan time.Time)})
	scene(r)
	_ = r.finish(sceneEnd())
	_ = rehearsal(newJSONRenderer(&out, &time.Ticker{C: make(chan time.Time)}))
	out.Write(jsonLine(jsonSum{Type: "file", Digest: "d", Size: new(int64), OK: new(bool), Message: "m"}))
	out.Write(jsonLine(jsonWarning{"warning", "m"}))
	out.Write(jsonLine(jsonExtra{Type: "extra"}))
	offer := offerObject(transfer.Offer{Extent: transfer.Extent{Files: 1}})
	out.Write(jsonLine(jsonQuestion{Type: "question", jsonOffer: offer, Place: "/", Free: new(int64), jsonConflict: &jsonConflict{Existing: jsonVersion{Size: new(int64)}}}))
	out.Write(jsonLine(jsonIgnored{Type: "ignored"}))
	out.Write(jsonLine(progressObject(view{progress: transfer.Progress{Kept: 1}, hasRate: true, hasLeft: true})))
	out.Write(jsonLine(jsonSumResult{Type: "result", Extra: new(int64)}))
	out.Write(jsonLine(jsonResult{Type: "result", Path: "direct", Unmet: []string{"*.o (--exclude)"}}))
	for kind := reach.NewsLooking; kind <= reach.NewsPath; kind++ {
		if v := meetsObject(reach.News{Kind: kind, At: "192.0.2.4:1", Interfaces: []string{"eth0"}, Relay: "r", Path: "direct", Err: errors.New("e")}); v != nil {
			out.Write(jsonLine(v))
		}
	}
	types := 0
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		types++
		for name := range fields {
			if name != "type" && !bytes.Contains(doc, []byte("`"+name+"`")) {
				t.Errorf("JSON.md does not document the field %q of %q", name, fields["type"])
			}
		}
		if !bytes.Contains(doc, []byte("`"+fields["type"].(string)+"`")) {
			t.Errorf("JSON.md does not document the type %q", fields["type"])
		}
	}
	if types < 15 {
		t.Errorf("only %d objects were seen", types)
	}
}

// tick is one tick whose drawing is over when it returns: the second is taken
// only then, and draws the same.
func tick(ticks chan<- time.Time, now time.Time) {
	ticks <- now
	ticks <- now
}

func TestJSONProgressIsThinned(t *testing.T) {
	ticks := make(chan time.Time)
	var out bytes.Buffer
	r := newJSONRenderer(&out, &time.Ticker{C: ticks})
	for i := range 10000 {
		r.Observe(transfer.Progress{Bytes: int64(i)})
		if i == 5000 {
			tick(ticks, time.Time{})
		}
	}
	_ = r.finish(outcome{})
	if n := strings.Count(out.String(), `"progress"`); n < 2 || n > 3 {
		t.Errorf("%d progress objects for two ticks and the end", n)
	}
	if !strings.Contains(out.String(), `"bytes":9999`) {
		t.Error("the last progress is missing")
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestJSONReportsAFailingOutput(t *testing.T) {
	full := errors.New("no space left")
	r := newJSONRenderer(failingWriter{full}, &time.Ticker{C: make(chan time.Time)})
	for range 3 * queuedLines { // a dead output holds up nothing
		r.Observe(transfer.PhaseChanged{Phase: transfer.PhaseTransfer})
	}
	if err := r.finish(outcome{}); !errors.Is(err, full) {
		t.Errorf("finish says %v", err)
	}
}

func TestNothingHiddenInAnyMode(t *testing.T) {
	for _, c := range odd {
		var text, lines bytes.Buffer
		p := newConsole(&text, outputFlags{verbose: true}, nil, nil)
		j := newJSONRenderer(&lines, &time.Ticker{C: make(chan time.Time)})
		for _, r := range []renderer{p, j} {
			r.linkEvent(link.Event{Kind: link.EventWaiting, Addr: c.raw, Err: errors.New(c.raw)})
			r.Observe(transfer.Offered{Offer: transfer.Offer{Peer: c.raw, Listed: []transfer.OfferItem{{Name: c.raw}}}})
			r.Observe(transfer.ItemDone{Path: c.raw, Status: transfer.StatusRenamed, NewName: c.raw})
			r.Observe(transfer.ItemFailed{Path: c.raw, Err: &transfer.Error{Path: c.raw, Err: errors.New(c.raw)}})
			r.Observe(transfer.Notice{Path: c.raw, Err: errors.New(c.raw)})
			_ = r.finish(outcome{began: true, err: errors.New(c.raw), hint: c.raw})
		}
		for _, out := range []string{text.String(), lines.String()} {
			if rest := strings.ReplaceAll(out, "\n", ""); needsEscape(unisolated(rest)) {
				t.Errorf("%q comes out as %q", c.raw, rest)
			}
		}
		for line := range strings.Lines(lines.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%q gives the line %q", c.raw, line)
			}
		}
	}
}
