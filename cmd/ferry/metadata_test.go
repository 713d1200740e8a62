package main

import (
	"errors"
	"strings"
	"testing"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// What may be a copy is no metadata that was not applied, and --strict is not content
// with it either.
func TestLinkThatMayBeACopyIsTold(t *testing.T) {
	unsure := transfer.Loss{What: tree.AttrUnsureLink, Items: 2, Path: "b"}
	o := outcome{began: true, result: transfer.Result{Durable: true, Lost: []transfer.Loss{unsure}}}
	if n, why := o.lossesAfter(nil); n != 1 || !errors.Is(why, errUnsure) {
		t.Errorf("%d losses, %v", n, why)
	}
	if got := strings.Join(o.lines(false), "\n"); !strings.Contains(got, "hard link or copy: 2, the first is b\n") {
		t.Errorf("said %q", got)
	}
	o.result.Lost = append(o.result.Lost, transfer.Loss{What: tree.AttrOwner, Items: 1})
	if _, why := o.lossesAfter(nil); !errors.Is(why, errLost) {
		t.Errorf("with an owner lost: %v", why)
	}
}
