package main

import (
	"errors"
	"strings"
	"testing"

	"ferry/framing"
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

// No flag of the other side has a store keep more, so none is advised.
func TestLossesInAStoreAdviseNothing(t *testing.T) {
	lost := []transfer.Loss{{What: tree.AttrOwner, Code: framing.CodeDeclined, Remote: true}, {What: tree.AttrXattrs, Code: framing.CodeDeclined}, {What: tree.AttrHardLink, Code: framing.CodeUnsupported}}
	for _, o := range []outcome{
		{result: transfer.Result{Store: "s3://b"}}, // at the other side
		{place: "in s3://b/p", result: transfer.Result{DryRun: true}},
		{place: "as s3://b/p"},
	} {
		o.began, o.result.Lost = true, lost
		got := strings.Join(o.lines(false), "\n")
		for _, want := range []string{"owner: not kept: an object store", "extended attribute: not kept", "hard link: not kept"} {
			if !strings.Contains(got, want) || strings.Contains(got, "--") {
				t.Errorf("said %q", got)
			}
		}
	}
	o := outcome{began: true, place: "in s3/p", result: transfer.Result{Lost: lost}}
	if got := strings.Join(o.lines(false), "\n"); !strings.Contains(got, "not given --owner") {
		t.Errorf("of a folder: %q", got)
	}
}
