//go:build unix

package transfer_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ferry/framing"
	"ferry/transfer"
)

// A FIFO or device is no file that could be replaced: `copy x /dev/null` would
// take the device away.
func TestSpecialFileIsNeverReplaced(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "f"), 10, 1)
	must(t, os.Symlink("nowhere", filepath.Join(src, "l")))
	for _, n := range []string{"f", "l"} {
		must(t, syscall.Mkfifo(filepath.Join(dst, n), 0o600))
	}
	s := deliver(t, t.Context(), dst, contents(src), withPolicy(transfer.ConflictOverwrite))
	if !errors.Is(s.receiveErr, transfer.ErrIncomplete) || len(s.received.Failures) != 2 || s.received.Failures[0].Code != framing.CodeOtherKind {
		t.Errorf("ended with %v, %v", s.receiveErr, s.received.Failures)
	}
	for _, n := range []string{"f", "l"} {
		info, err := os.Lstat(filepath.Join(dst, n))
		if err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
			t.Errorf("%s is %v, %v", n, info, err)
		}
	}
}

// Files of /proc have the size 0, or another that is not true.
func TestFileWithoutTrueSizeIsNotTruncatedInSilence(t *testing.T) {
	const lying = "/proc/self/status"
	if info, err := os.Stat(lying); err != nil || info.Size() != 0 {
		t.Skip("no " + lying + " of size 0 here")
	}
	dst := t.TempDir()
	s := deliver(t, t.Context(), dst, named(lying))
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || len(s.sent.Failures) != 1 || s.sent.Failures[0].Code != framing.CodeUnsupported {
		t.Errorf("ended with %v, %v", s.sendErr, s.sent.Failures)
	}
	if _, err := os.Stat(filepath.Join(dst, "status")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was published: %v", err)
	}
}
