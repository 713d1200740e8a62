package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// Each line that is written is read as the same, however its bytes come, and no part of it
// is read as a whole.
func TestLines(t *testing.T) {
	o := order{Session: "0011", Code: "ssh-00", Sends: true, Stays: true, Args: [][]byte{[]byte("--"), {0xff, '\n'}},
		Rules: []orderRule{{Flag: "exclude", Value: []byte("*")}, {Flag: "exclude-from", Value: []byte("f"), Text: []byte("a\nb")}}, List: []byte("a\x00")}
	var line bytes.Buffer
	if err := putLine(&line, o); err != nil {
		t.Fatal(err)
	}
	for _, r := range []io.Reader{bytes.NewReader(line.Bytes()), iotest.OneByteReader(bytes.NewReader(line.Bytes())), iotest.DataErrReader(bytes.NewReader(line.Bytes()))} {
		var got order
		if err := takeOrder(r, &got); err != nil || !reflect.DeepEqual(got, o) {
			t.Errorf("%+v becomes %+v, %v", o, got, err)
		}
	}
	for n := range line.Len() {
		var got order
		if err := takeOrder(bytes.NewReader(line.Bytes()[:n]), &got); !errors.Is(err, io.EOF) {
			t.Fatalf("after %d bytes: %+v, %v", n, got, err)
		}
	}
}

// An order with what this version does not know is not followed in part. A reply may have
// more than this version knows.
func TestUnknownFields(t *testing.T) {
	var o order
	if err := takeOrder(strings.NewReader("{\"session\":\"1\",\"later\":true}\n"), &o); err == nil || !strings.Contains(err.Error(), "later") {
		t.Errorf("%+v, %v", o, err)
	}
	var a reply
	if err := takeReply(strings.NewReader("{\"single\":true,\"later\":true}\n"), &a); err != nil || !a.Single {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestLinesAreRefused(t *testing.T) {
	for _, text := range []string{"\n", "{} {}\n", "{}}\n", "[]\n"} {
		if takeOrder(strings.NewReader(text), &order{}) == nil || takeReply(strings.NewReader(text), &reply{}) == nil {
			t.Errorf("%q is taken", text)
		}
	}
	for text, want := range map[string]string{
		"":                "EOF",
		"no\n":            "invalid",
		"{}\n{}\n":        "behind",
		"{}\nx":           "behind",
		"{\"args\":1}\n":  "args",
		"{\"exit\":\"a\"": "EOF",
	} {
		var o order
		if err := takeOrder(strings.NewReader(text), &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if text == "{\"args\":1}\n" {
			continue
		}
		var a reply
		if err := takeReply(strings.NewReader(text), &a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// endless has no end.
type endless struct{ given int }

func (e *endless) Read(p []byte) (int, error) {
	e.given += len(p)
	return copy(p, bytes.Repeat([]byte("x"), len(p))), nil
}

// What never ends is given up after the limit of its kind.
func TestLinesAreBounded(t *testing.T) {
	far := &endless{}
	if err := takeReply(far, &reply{}); err == nil || far.given > maxReply+128<<10 {
		t.Errorf("%d bytes are read of a reply: %v", far.given, err)
	}
	near := &endless{}
	if err := takeOrder(near, &order{}); err == nil || near.given > maxOrder+128<<10 {
		t.Errorf("%d bytes are read of an order: %v", near.given, err)
	}
}

// asLine is text as one line, as it comes from the other end.
func asLine(text []byte) []byte { return append(bytes.ReplaceAll(text, []byte("\n"), nil), '\n') }

// orderKeys are all that an order may have.
var orderKeys = strings.Fields("session attach code sends single stays args rules list")

// sameOrder holds an order against a second reading of its line, which knows nothing of its
// fields: each key is one of an order, and bytes are what base64 makes of the text.
func sameOrder(t *testing.T, line []byte, o order) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatalf("%q is taken: %v", line, err)
	}
	plainly := true // no key comes twice, or in another spelling: the last one counts then
	for key := range fields {
		if !slices.ContainsFunc(orderKeys, func(known string) bool { return strings.EqualFold(key, known) }) {
			t.Fatalf("%q is taken with %q", line, key)
		}
		plainly = plainly && slices.Contains(orderKeys, key) && bytes.Count(line, []byte(key)) == 1
	}
	if !plainly {
		return
	}
	is := func(text any, got []byte) bool {
		s, _ := text.(string)
		want, err := base64.StdEncoding.DecodeString(s)
		return err == nil && bytes.Equal(want, got)
	}
	args, _ := fields["args"].([]any)
	rules, _ := fields["rules"].([]any)
	if len(args) != len(o.Args) || len(rules) != len(o.Rules) || !is(fields["list"], o.List) {
		t.Fatalf("%q becomes %+v", line, o)
	}
	for i, arg := range args {
		if !is(arg, o.Args[i]) {
			t.Fatalf("%q becomes %+v", line, o)
		}
	}
	for key, got := range map[string]string{"session": o.Session, "code": o.Code} {
		if want, _ := fields[key].(string); want != got {
			t.Fatalf("%s of %q is %q", key, line, got)
		}
	}
	for key, got := range map[string]bool{"attach": o.Attach, "sends": o.Sends, "single": o.Single, "stays": o.Stays} {
		if want, _ := fields[key].(bool); want != got {
			t.Fatalf("%s of %q is %v", key, line, got)
		}
	}
}

// What is taken as an order says what its line says, however the bytes come, and no more may
// come. It is the same after it was written again.
func FuzzOrder(f *testing.F) {
	for _, text := range []string{
		`{"session":"00","code":"ssh-00","sends":true,"args":["LS0="],"rules":[{"flag":"exclude","value":"Kg=="}],"list":"YQ=="}`,
		`{"session":"00","attach":true}`,
		`{"session":"0011","code":"ssh-1","single":true,"stays":true,"args":["LS1vdXQ9/w==","LS0=","","L3RtcA=="]}`,
		`{"session":"1","sends":true,"rules":[{"flag":"exclude-from","value":"Zg==","text":"YQpi"},{"flag":"include","value":""}]}`,
		`{"session":"1","args":["LS0"]}`, `{"session":"1","args":["LS0=\u0000"]}`, `{"session":"1","args":null,"list":null}`,
		`{"session":"1","later":true}`, `{"Session":"1","SESSION":"2","args":["LS0="],"ARG\u017f":["Lg=="]}`,
		`{"session":"\ud800\u0000\u001b[2J","code":1e400}`, `{"rules":[{"flag":"exclude","value":"Kg==","later":1}]}`,
		`{"session":"1"} {}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var o, again, slow order
		from := asLine(text)
		err := takeOrder(bytes.NewReader(from), &o)
		if other := takeOrder(iotest.OneByteReader(bytes.NewReader(from)), &slow); (err == nil) != (other == nil) {
			t.Fatalf("%v, and byte by byte %v", err, other)
		}
		if err != nil {
			return
		}
		if string(bytes.TrimSpace(from)) != "null" {
			sameOrder(t, from, o)
		}
		if takeOrder(bytes.NewReader(append(from, ' ')), &order{}) == nil || takeOrder(bytes.NewReader(from[:len(from)-1]), &order{}) == nil {
			t.Fatalf("%q is taken without its end, or with more", from)
		}
		var line bytes.Buffer
		if err := putLine(&line, o); err != nil {
			t.Fatal(err)
		}
		if err := takeOrder(&line, &again); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		one, _ := json.Marshal(o)
		for _, o := range []order{again, slow} {
			if other, _ := json.Marshal(o); !bytes.Equal(one, other) {
				t.Fatalf("%s becomes %s", one, other)
			}
		}
	})
}

// What is taken as a refusal is an error that names the host, with the exit and the word that
// the far end said if ferry has them, and without what a terminal obeys.
func FuzzReply(f *testing.F) {
	for _, text := range []string{
		`{"refused":{"exit":5,"word":"x","message":"no \u001b[2J","hint":"run"}}`,
		`{"refused":{"exit":0,"message":""}}`,
		`{"refused":{"exit":2,"message":"unknown flag"}}`, `{"refused":{"exit":2,"message":"no such flag","hint":"see ferry help"}}`,
		`{"refused":{"exit":6,"word":"no-space","message":"/x: no space left","hint":"make room"}}`,
		`{"refused":{"exit":1,"word":"vanished","message":"a: no such file"}}`, `{"refused":{"exit":8,"message":"later"}}`,
		`{"refused":{"exit":130,"word":"interrupted","message":"interrupted"}}`, `{"refused":{"exit":-1,"message":"\u009b31m\u202e"}}`,
		`{"refused":{"exit":4,"word":"UPPER","message":"m"}}`, `{"refused":{"exit":4,"word":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","message":"m"}}`,
		`{"attached":true,"single":true,"later":1}`, `{"refused":null}`, `{}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a reply
		if takeReply(bytes.NewReader(asLine(text)), &a) != nil || a.Refused == nil {
			return
		}
		w := &way{}
		w.call.Host = "far.example"
		said := *a.Refused
		err := w.refused(a.Refused)
		o := outcome{err: err, exit: exitOf(context.Background(), err, (outcome{}).result, &tally{})}
		exit, word := said.Exit, said.Word
		switch {
		case exit == exitUsage && strings.HasPrefix(said.Message, "unknown flag"):
			exit, word = exitProtocol, "version"
		case exit < exitIncomplete || exit > exitProtocol:
			exit = exitProtocol
		}
		if o.exit != exit {
			t.Fatalf("exit %d for %s", o.exit, text)
		}
		known := len(word) <= longestWord && word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") == ""
		if got := o.word(); exit != exitUsage && exit != exitDigest && (known && got != word || !known && (got == said.Word || got == "")) {
			t.Fatalf("word %q for %s", got, text)
		}
		if !strings.Contains(err.Error(), w.call.Host) || !strings.Contains(err.Error(), said.Message) {
			t.Fatalf("%q does not say who refused what: %q", err, said.Message)
		}
		if shown := plain(err.Error()); strings.ContainsAny(shown, "\x1b\x07\u009b\u202e") {
			t.Fatalf("%q is shown", shown)
		}
	})
}
