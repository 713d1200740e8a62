package main

import (
	"errors"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

func TestTextLines(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"one", "    one\n"},
		{"one\n", "    one\n"},
		{"one\r\n\r\n\ttwo\r\n", "    one\n    \n    \ttwo\n"},
		{"over\rwritten", `    over\x0dwritten` + "\n"},
		{"\x1b]0;title\a\x1b[2J\x9b", `    \x1b]0;title\x07\x1b[2J\x9b` + "\n"},
		{"safe\u202egnp.exe\u2028next\u0085", `    safe\u{202e}gnp.exe\u{2028}next\u{85}` + "\n"},
		{"שלום\tx", "    " + isolateStart + "שלום" + isolateEnd + "\tx\n"},
		{"\x00\v\f", `    \x00\x0b\x0c` + "\n"},
	} {
		if got := textLines(c.text, 80); got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.text, got, c.want)
		}
	}
	long := strings.Repeat("x", framing.MaxText)
	if got := textLines(long, 80); got != "    "+long+"\n" {
		t.Errorf("a long line is shown with %d bytes", len(got))
	}
}

// What goes on at the edge of a terminal stays indented, as long as it has a space.
func TestTextLinesAtTheEdge(t *testing.T) {
	const own = "ferry: give it the code:"
	wide := strings.Repeat("語", 60)
	for _, text := range []string{
		strings.Repeat("x", 35) + " " + own,
		strings.Repeat("x ", 17) + " " + own,
		strings.Repeat(" ", 36) + own,
		strings.Repeat("\t", 9) + own,
		strings.Repeat("x", 90) + " " + own,
		strings.Repeat("\x01", 9) + own,
		wide + own,
		strings.Repeat("שלום ", 20) + own,
		strings.Repeat("é", 36) + own,
	} {
		for row := range strings.Lines(textLines(text, 40)) {
			row = strings.TrimSuffix(row, "\n")
			n := columns(strings.ReplaceAll(row, "\t", strings.Repeat(" ", tabColumns)))
			if long := strings.ContainsAny(strings.TrimSpace(row), " \t語é"); !strings.HasPrefix(row, "    ") || n >= 40 && long {
				t.Errorf("%q has the row %q of %d columns", text, row, n)
			}
		}
	}
	if got := textLines(wide, 40); strings.Join(strings.Fields(got), "") != wide {
		t.Errorf("a long word is shown as %q", got)
	}
}

// An older receiver is told apart from other ends, with a command that works there.
func TestHintForAnOlderReceiver(t *testing.T) {
	err := &transfer.Error{Op: "offering:", Code: framing.CodeVersion, Err: send.ErrNoText}
	if exit := exitOf(t.Context(), err, transfer.Result{}, &tally{}); exit != exitProtocol {
		t.Errorf("exit code %d", exit)
	}
	if hint := hintOf(exitProtocol, err, "again", false); !strings.HasSuffix(hint, "echo WORDS | ferry send --name message.txt -") {
		t.Errorf("the hint is %q", hint)
	}
	if text := errorText(err); !strings.Contains(text, "has to be updated at the receiver") {
		t.Errorf("the text is %q", text)
	}
}

// A cause is said once, also where both the code and the error say that it is the name.
func TestCauseOnce(t *testing.T) {
	for _, c := range []struct {
		e    transfer.Error
		want string
	}{
		{transfer.Error{Code: framing.CodeName, Err: tree.CheckName("a/b")}, "name refused: it has a slash"},
		{transfer.Error{Code: framing.CodeName, Remote: true, Err: errors.New(tree.CheckName("..").Error())}, "name refused: it stands for another folder (at the other side)"},
		{transfer.Error{Code: framing.CodeName, Err: tree.ErrName}, "name refused"},
		{transfer.Error{Code: framing.CodeName}, "name refused"},
		{transfer.Error{Code: framing.CodePermission, Err: errors.New("permission denied: x")}, "permission denied: x"},
	} {
		if got := causeText(&c.e); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
