package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/reach"
	"ferry/transfer/tree"
)

// tty is a terminal with somebody who types the given lines.
func ttyEnv(typed string) (*Env, *bytes.Buffer) {
	var screen bytes.Buffer
	return &Env{Stdin: strings.NewReader(typed), Stderr: &screen, StdinTTY: true, StderrTTY: true, Getenv: func(string) string { return "" }}, &screen
}

const aCode = "7-copper-violin-meadow"

func TestFindCode(t *testing.T) {
	lay(t)
	for name, text := range map[string]string{"good": aCode + "\nrest\n", "bare": aCode, "short": "7-x\n", "empty": ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		about string
		pair  pairing
		typed string
		tty   bool
		env   string
		want  string // the code, "made up", or what the error says
	}{
		{"environment", pairing{dial: "h:1"}, "", false, aCode, aCode},
		{"environment, listening", pairing{}, "", false, aCode, aCode},
		{"file before environment", pairing{dial: "h:1", codeFile: "good"}, "", false, "9-other-code", aCode},
		{"file without newline", pairing{dial: "h:1", codeFile: "bare"}, "", false, "", aCode},
		{"made up by who listens", pairing{}, "", true, "", "made up"},
		{"asked for by who dials", pairing{dial: "h:1"}, aCode + "\n", true, "", aCode},
		{"typed with spaces and capitals", pairing{dial: "h:1"}, " 7 Copper violin-MEADOW \n", true, "", aCode},
		{"typed at the second try", pairing{dial: "h:1"}, "oops\n" + aCode + "\n", true, "", aCode},
		{"never typed right", pairing{dial: "h:1"}, "a\nb\nc\n" + aCode + "\n", true, "", "no code"},
		{"nobody there", pairing{dial: "h:1"}, "", true, "", "no code"},
		{"no terminal", pairing{dial: "h:1"}, aCode + "\n", false, "", "no code"},
		{"- is a pipe", pairing{dial: "h:1", codeFile: "-"}, aCode + "\n", false, "", aCode},
		{"- is a terminal, listening", pairing{codeFile: "-"}, aCode + "\n", true, "", aCode},
		{"- is an empty pipe", pairing{codeFile: "-"}, "", false, "", "reading the code"},
		{"no code in the file", pairing{codeFile: "short"}, "", false, "", "a code looks like"},
		{"empty file", pairing{codeFile: "empty"}, "", false, "", "reading the code"},
		{"no file", pairing{codeFile: "absent"}, "", false, "", "reading the code"},
		{"no code in the environment", pairing{}, "", false, "7", "FERRY_CODE: a code looks like"},
		{"a line too long", pairing{codeFile: "-"}, strings.Repeat("x", 2*maxAnswer), false, "", "too long"},
	} {
		env, _ := ttyEnv(c.typed)
		env.StdinTTY = c.tty
		env.Getenv = func(string) string { return c.env }
		code, made, err := newCodeSource(c.pair, env).find(t.Context())
		var usage *usageError
		switch {
		case err != nil:
			if !errors.As(err, &usage) || !strings.Contains(usage.text, c.want) {
				t.Errorf("%s: %v, want %q", c.about, err, c.want)
			}
		case made != (c.want == "made up"), !made && code.Reveal() != c.want:
			t.Errorf("%s: made up %v, code %q, want %q", c.about, made, code.Reveal(), c.want)
		}
	}
}

// While standard input is the data, the code is typed at the terminal itself.
func TestCodeBesideData(t *testing.T) {
	env, _ := ttyEnv("the data")
	env.StdinTTY = false
	typed := &terminal{in: strings.NewReader(aCode + "\n")}
	env.OpenTTY = func() (io.ReadWriteCloser, error) { return typed, nil }
	code, _, err := newCodeSource(pairing{dial: "h:1", stdinIsData: true}, env).find(t.Context())
	if err != nil || code.Reveal() != aCode || !typed.closed || typed.String() != codePlain+"\n"+codeQuestion {
		t.Errorf("code %q, %v; the terminal shows %q", code.Reveal(), err, typed.String())
	}
	if rest, _ := io.ReadAll(env.Stdin); string(rest) != "the data" {
		t.Errorf("of the data only %q is left", rest)
	}
	env.OpenTTY = func() (io.ReadWriteCloser, error) { return nil, errors.New("no terminal") }
	if _, _, err := newCodeSource(pairing{dial: "h:1", stdinIsData: true}, env).find(t.Context()); err == nil {
		t.Error("a code came from nowhere")
	}
}

type terminal struct {
	bytes.Buffer // what is shown
	in           io.Reader
	closed       bool
}

func (t *terminal) Read(p []byte) (int, error) { return t.in.Read(p) }
func (t *terminal) Close() error               { t.closed = true; return nil }

func TestReadLineEndsWithItsContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close() // ends the reader left behind
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(signalError{2})
	if _, err := readLine(ctx, r); !errors.As(err, new(signalError)) {
		t.Errorf("got %v", err)
	}
}

func TestReadLineTakesNoMore(t *testing.T) {
	in := strings.NewReader("one\ntwo")
	for _, want := range []string{"one", "two"} {
		if got, err := readLine(t.Context(), in); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := readLine(t.Context(), in); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestAccept(t *testing.T) {
	offer := transfer.Offer{Items: 3, Bytes: 2048, Peer: "192.0.2.9:1", Listed: []transfer.OfferItem{
		{Name: "a\x1b[2J", Kind: tree.File, Size: 2048}, {Name: "dir", Kind: tree.Folder, Size: -1},
	}, Extent: transfer.Extent{Files: 12, Folders: 1, Bytes: 4096, Whole: true}}
	for typed, want := range map[string]error{"y\n": nil, "YES \n": nil, "n\n": errDeclined, "\n": errDeclined, "": errDeclined, "yy\n": errDeclined} {
		env, screen := ttyEnv(typed)
		c := newConsole(screen, outputFlags{}, nil, nil)
		err := accept(env, c.screen, &landing{stream: true})(t.Context(), offer, nil)
		_ = c.finish(outcome{})
		if err != want {
			t.Errorf("%q gives %v, want %v", typed, err, want)
		}
		const shown = `192.0.2.9 offers 3 items:
    file       2.00 KiB  a\x1b[2J
    folder               dir
    and 1 more
  12 files, 1 folder, 4.00 KiB
Write it to standard output? [y/N] `
		if strings.TrimSuffix(screen.String(), "\n") != shown {
			t.Errorf("the screen shows\n%s", screen)
		}
	}
}

func TestResolve(t *testing.T) {
	env, screen := ttyEnv("x\no\ns\nR\n")
	c := newConsole(screen, outputFlags{}, nil, nil)
	ask := resolve(env, c.screen)
	conflict := transfer.Conflict{Path: "f\x1b", Offered: tree.Entry{Kind: tree.File, Size: 1}, Existing: tree.Info{Kind: tree.Folder}}
	for i, want := range []transfer.ConflictPolicy{
		transfer.ConflictOverwrite, transfer.ConflictSkip, transfer.ConflictRename, transfer.ConflictRename, transfer.ConflictRename,
	} {
		if got, err := ask(t.Context(), conflict); err != nil || got != want {
			t.Errorf("answer %d is %v, %v, want %v", i, got, err, want)
		}
	}
	_ = c.finish(outcome{})
	if n := strings.Count(screen.String(), "[s]kip"); n != 4 {
		t.Errorf("asked %d times, want 4", n)
	}
	// Two versions never look the same.
	kept := tree.Info{Kind: tree.File, Size: 700000, MTime: tree.Time{Sec: 1, Nsec: 5}}
	for _, offered := range []tree.Entry{
		{Kind: tree.File, Size: 700001, MTime: kept.MTime}, {Kind: tree.File, Size: kept.Size, MTime: tree.Time{Sec: 1, Nsec: 6}}, {Kind: tree.File, Size: kept.Size, MTime: kept.MTime},
	} {
		if a, b := versionsText(transfer.Conflict{Path: "f", Offered: offered, Existing: kept}); a == b {
			t.Errorf("both are %q", a)
		}
	}
	env, screen = ttyEnv("")
	c = newConsole(screen, outputFlags{}, nil, nil)
	if got, err := resolve(env, c.screen)(t.Context(), conflict); err != nil || got != transfer.ConflictFail {
		t.Errorf("nobody answers: %v, %v", got, err)
	}
	_ = c.finish(outcome{})
}

// A code is in no error, whatever part of the way it took.
func TestCodeIsInNoError(t *testing.T) {
	secret := "7-copper"
	code, err := link.ParseCode(secret)
	if err != nil {
		t.Fatal(err)
	}
	p := pairing{verb: "send", to: []reach.Address{{Host: "127.0.0.1", Port: 1}}, dial: "127.0.0.1:1", role: link.Sender, timeout: link.DefaultTimeout}
	var screen bytes.Buffer
	c := newConsole(&screen, outputFlags{verbose: true}, nil, nil)
	_, err = newCodeSource(p, &Env{Args: []string{"ferry"}}).connect(t.Context(), code, false, c)
	if exitOf(t.Context(), err, transfer.Result{}, nil) != exitConnection {
		t.Errorf("nobody listens: %v", err)
	}
	_ = c.finish(outcome{err: err, hint: hintOf(exitConnection, err, "", false)})
	if strings.Contains(screen.String(), secret) || screen.Len() == 0 {
		t.Errorf("the screen shows %q", screen.String())
	}
}

// No name makes a second row of the question, or one that looks like ferry's own, and
// hidden names stand apart.
func TestOfferRows(t *testing.T) {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n) }
	var listed []transfer.OfferItem
	for _, name := range []string{
		"holiday.jpg", ".bashrc",
		pad("notes.txt", 48) + "    file          1 KB  report.pdf" + strings.Repeat(" ", 46) + "    and nothing else",
		"invoice.pdf" + strings.Repeat(" ", 120) + ".desktop", strings.Repeat("日本", 100), "x" + strings.Repeat("\u0335", 100) + "y",
		"\u05d0\u05d1\u05d2.gpj.exe", "a\nb", "a\u2800b", ".ssh",
	} {
		listed = append(listed, transfer.OfferItem{Name: name, Kind: tree.File, Size: 1000})
	}
	offer := transfer.Offer{Items: 12, Bytes: 1, Listed: listed, Peer: "192.0.2.1:5"}
	for _, width := range []int{200, 80, 60, 40, 20} {
		rows, last := proposal{offer, "/", 1 << 40}.rows(width - 1)
		if row := last(offer.Extent); columns(row) >= width {
			t.Errorf("%d columns have the row %q of %d", width, row, columns(row))
		}
		for _, row := range append(rows[1:9:9], rows[11:]...) {
			if columns(row) >= width || strings.Contains(row, "   file") && !strings.HasPrefix(row, "    file") {
				t.Errorf("%d columns have the row %q of %d", width, row, columns(row))
			}
		}
		if len(rows) != 1+8+1+1+2 {
			t.Errorf("%d rows:\n%s", len(rows), strings.Join(rows, "\n"))
		}
		tail := strings.Join(rows[9:], "\n")
		if !strings.Contains(rows[9], "and 2 more") || !strings.Contains(rows[10], "begin with a dot") || !strings.Contains(tail, ".bashrc") || !strings.Contains(tail, ".ssh") {
			t.Errorf("the hidden names do not stand apart:\n%s", tail)
		}
	}
}
