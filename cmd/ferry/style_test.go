package main

import (
	"bytes"
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// environment is an Env at a terminal with these variables, as NAME=VALUE.
func environment(vars ...string) *Env {
	return &Env{StderrTTY: true, Getenv: func(name string) string {
		for _, v := range vars {
			if k, value, _ := strings.Cut(v, "="); k == name {
				return value
			}
		}
		return ""
	}}
}

func TestStyleOfATerminal(t *testing.T) {
	for vars, want := range map[string]style{
		"":                                    {colour: true},
		"LANG=C.UTF-8":                        {true, true},
		"LANG=de_DE.utf8":                     {true, true},
		"LC_ALL=C LANG=C.UTF-8":               {colour: true},
		"LC_ALL= LC_CTYPE=UTF-8 LANG=C":       {true, true},
		"NO_COLOR=1 LANG=C.UTF-8":             {blocks: true},
		"NO_COLOR= LANG=C":                    {colour: true},
		"TERM=dumb LANG=C.UTF-8":              {},
		"TERM=xterm-256color LC_CTYPE=POSIX":  {colour: true},
		"LC_CTYPE=ISO-8859-1 LANG=en_US.UTF8": {colour: true},
	} {
		if want.colour && runtime.GOOS == "windows" {
			want.blocks = true // its consoles take UTF-16, whatever the variables say
		}
		if got := environment(strings.Fields(vars)...).style(); got != want {
			t.Errorf("with %s: %+v, want %+v", vars, got, want)
		}
	}
	file := environment("LANG=C.UTF-8")
	file.StderrTTY = false
	if got := file.style(); got != (style{}) {
		t.Errorf("of a file: %+v", got)
	}
	old := environment("LANG=C.UTF-8")
	old.Dumb = true
	if got := old.style(); got != (style{}) {
		t.Errorf("of a console that takes no sequences: %+v", got)
	}
}

// Colours go around what is escaped already: a name brings none.
func TestColoursOfLines(t *testing.T) {
	show := func(st style, columns int) string {
		var out bytes.Buffer
		c := newConsole(&out, outputFlags{style: st}, nil, nil)
		c.screen.columns = func() int { return columns }
		c.listening(invitation{role: link.Sender, at: []reach.Address{{Host: "192.0.2.7", Port: 33779}}, code: aCode})
		c.linkEvent(link.Event{Kind: link.EventLost, Window: time.Minute, Err: errors.New("reset\x1b[1m")})
		c.linkEvent(link.Event{Kind: link.EventRejoined, Elapsed: time.Second})
		c.Observe(transfer.ItemFailed{Path: "a\x1b[31m: b", Err: &transfer.Error{Code: framing.CodeUnreadable, Err: fs.ErrPermission}})
		_ = c.finish(outcome{began: true, err: transfer.ErrIncomplete, result: transfer.Result{Failed: 1}})
		_ = newConsole(&out, outputFlags{style: st}, nil, nil).finish(outcome{began: true, result: transfer.Result{Delivered: 1, Durable: true, Acknowledged: true}})
		return out.String()
	}
	got := show(style{colour: true}, 200)
	for _, want := range []string{
		"    \x1b[1m" + aCode + "\x1b[m\n",
		"\x1b[33mthe link was lost:\x1b[m reset\\x1b[1m; it is waited for up to 1:00\n",
		"\x1b[32mthe link is back after 1.0 s, going on where it was\x1b[m\n",
		"\x1b[31mnot delivered:\x1b[m a\\x1b[31m: b: ",
		"\n\x1b[31mferry:\x1b[m some items were not delivered\n",
		"\n\x1b[32m1 ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	plain := got
	for _, c := range []colour{bold, dim, red, green, yellow, colourEnd} {
		plain = strings.ReplaceAll(plain, string(c), "")
	}
	if got := show(style{}, 200); got != plain || strings.Contains(got, "\x1b") {
		t.Errorf("without colours:\n%q\nwant\n%q", got, plain)
	}
}
