//go:build unix

package receive

import (
	"testing"

	"golang.org/x/sys/unix"

	"ferry/framing"
	"ferry/transfer"
)

// allowance is what a link was told that it may have.
type allowance struct {
	transfer.Streams
	streams int
}

func (a *allowance) AllowStreams(n int) { a.streams = n }

// What ACCEPT says is what the link allows, also in a process that may open few files.
func TestAcceptSaysWhatIsAllowed(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct {
		files   uint64 // that the process may open
		choice  int
		single  bool
		allowed int
	}{
		{64, 0, false, 5},
		{64, 3, false, 3},
		{64, 16, false, 5},
		{32, 0, false, 1},
		{64, 0, true, 1},
		{256, 0, false, framing.MaxStreams},
		{256, 16, false, framing.MaxStreams},
	} {
		now := before
		put(&now.Cur, c.files)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
			t.Fatal(err)
		}
		link := new(allowance)
		b := &breadth{link: link, choice: c.choice, single: c.single}
		said := int(b.allow())
		if said == anyStreams {
			said = framing.MaxStreams
		}
		if link.streams != c.allowed || said != c.allowed || int(b.most.Load()) != c.allowed {
			t.Errorf("%d files, choice %d: the link allows %d and ACCEPT %d, want %d", c.files, c.choice, link.streams, said, c.allowed)
		}
	}
}

// put is an assignment: systems differ in the type of a limit.
func put[T int64 | uint64](to *T, n uint64) { *to = T(n) }
