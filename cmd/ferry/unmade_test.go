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

// A full disk is told once, with how many items and bytes there is no room for.
func TestFullDiskIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out, outputFlags{}, nil, nil)
	for _, path := range []string{"p/a", "p/b", "p/c"} {
		c.Observe(transfer.ItemFailed{Path: path, Err: &transfer.Error{Path: path, Code: framing.CodeNoSpace, Err: transfer.SpaceError{Need: 1 << 20, Free: 1 << 10, Place: "d"}}})
	}
	_ = c.finish(outcome{})
	const want = "not delivered: and 2 items more, for want of space: they need 2.00 MiB\n"
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, "not delivered: p/a: ") || !strings.HasSuffix(got, want) {
		t.Errorf("%q", got)
	}
}
