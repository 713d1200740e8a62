package main

import (
	"bytes"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
)

// Of the items that fail with their folder, one line says how many; those that fail
// by themselves have their own.
func TestUnmadeItemsAreCounted(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out, outputFlags{}, nil, nil)
	fail := func(path string, code framing.Code) {
		c.Observe(transfer.ItemFailed{Path: path, Err: &transfer.Error{Path: path, Code: code}})
	}
	fail("src/a", framing.CodePermission)
	for range 20100 {
		fail("src/a/deep/x", framing.CodeCancelled)
	}
	fail("src/b/first", framing.CodePermission)
	fail("src/b/next", framing.CodeCancelled)
	fail("src/b/dir/in", framing.CodeCancelled)
	fail("else/where", framing.CodeCancelled)
	_ = c.finish(outcome{})
	want := []string{
		"not delivered: src/a: permission denied", "not delivered: src/b/first: permission denied",
		"not delivered: else/where: cancelled",
		"not delivered: src/a: and 20100 items below it", "not delivered: src/b/first: and 2 items beside it", "",
	}
	if got := strings.Split(out.String(), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
}
