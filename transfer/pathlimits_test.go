package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/send"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// nest makes count folders, each in the one before it, and files in the last.
func nest(t *testing.T, top, name string, count int, files ...string) {
	t.Helper()
	at, err := os.OpenRoot(top)
	deliverytest.Must(t, err)
	defer func() { deliverytest.Must(t, at.Close()) }()
	for range count {
		if err := at.Mkdir(name, 0o700); err != nil {
			t.Skipf("no such depth here: %v", err)
		}
		next, err := at.OpenRoot(name)
		deliverytest.Must(t, err)
		deliverytest.Must(t, at.Close())
		at = next
	}
	for _, f := range files {
		deliverytest.Must(t, at.WriteFile(f, nil, 0o600))
	}
}

// Both sides have one limit of depth and one of length (PROTOCOL.md, section 3.2): the
// sender leaves out what the receiver would refuse, and nothing else.
func TestLimitsOfPathsAreOneAtBothSides(t *testing.T) {
	t.Parallel()
	if treetest.Wine() {
		t.Skip("Wine: so deep a folder takes minutes, and cannot be removed again")
	}
	const (
		deepest = 4096 // folders in folders: the last has 4095 above it
		longest = 32768
		level   = 200 // bytes of a name
		levels  = longest / (level + 1)
	)
	deep := t.TempDir()
	nest(t, deep, "d", deepest+1)
	// Behind the folders and their slashes there is room for a name of so many bytes,
	// and for one less where the root entry counts too.
	const room = longest - levels*(level+1)
	long, name := t.TempDir(), strings.Repeat("d", level)
	var files []string
	for n := range room + 1 {
		files = append(files, strings.Repeat("f", n+1))
	}
	nest(t, long, name, levels, files...)
	for what, c := range map[string]struct {
		sources   []send.Source
		delivered int64
		left      int64
	}{
		"a folder in folders":         {deliverytest.Named(filepath.Join(deep, "d")), deepest, 1},
		"a folder in a root's":        {deliverytest.Contents(deep), deepest, 1},
		"a long path":                 {deliverytest.Named(filepath.Join(long, name)), levels + room, 1},
		"a long path in a root entry": {deliverytest.Contents(long), levels + room - 1, 2},
	} {
		t.Run(what, func(t *testing.T) {
			s := deliverytest.Deliver(t, t.Context(), t.TempDir(), c.sources)
			if len(s.Received.Failures) != 0 || s.Received.Delivered != c.delivered {
				t.Errorf("the receiver has %d of %d items, and refuses %.300q", s.Received.Delivered, c.delivered, s.Received.Failures)
			}
			if !errors.Is(s.SendErr, transfer.ErrIncomplete) || s.Sent.Failed != c.left {
				t.Errorf("the sender: %v, %d left out, want %d", s.SendErr, s.Sent.Failed, c.left)
			}
			for _, f := range s.Sent.Failures {
				if !errors.Is(f.Err, tree.ErrTooDeep) || f.Remote {
					t.Errorf("left out for %.200v", f.Err)
				}
			}
		})
	}
}
