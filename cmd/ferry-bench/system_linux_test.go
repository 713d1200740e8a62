package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A delivery between two network namespaces, which are gone afterwards.
func TestDeliveryOverALink(t *testing.T) {
	run := newTrial(t, t.Context())
	tarNetcat := rowOf(t, "tar-nc")
	if err := run.kit.get(t.Context(), tarNetcat); err != nil {
		t.Skip(err)
	}
	n, err := emulate(t.Context(), link{rtt: 2 * time.Millisecond, rate: 100_000_000, loss: 0.01})
	if err != nil {
		t.Skip("no emulated link here: ", err)
	}
	run.net = n
	_, err = run.one(tarNetcat)
	if cerr := n.close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	if err := compare(run.set.path, run.dst); err != nil {
		t.Error(err)
	}
	left, err := exec.Command("ip", "netns", "list").Output()
	if err != nil || strings.Contains(string(left), n.near[len(n.near)-1]) {
		t.Errorf("left behind: %s, %v", left, err)
	}
}
