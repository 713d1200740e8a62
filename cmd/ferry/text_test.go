package main

import (
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/send"
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
		if got := textLines(c.text); got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.text, got, c.want)
		}
	}
	long := strings.Repeat("x", framing.MaxText)
	if got := textLines(long); got != "    "+long+"\n" {
		t.Errorf("a long line is shown with %d bytes", len(got))
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
