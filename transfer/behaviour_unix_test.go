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
	"ferry/transfer/internal/deliverytest"
)

// A FIFO or device is no file that could be replaced: `copy x /dev/null` would
// take the device away.
func TestSpecialFileIsNeverReplaced(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	deliverytest.Must(t, os.Symlink("nowhere", filepath.Join(src, "l")))
	for _, n := range []string{"f", "l"} {
		deliverytest.Must(t, syscall.Mkfifo(filepath.Join(dst, n), 0o600))
	}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictOverwrite))
	if !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) || len(s.Received.Failures) != 2 || s.Received.Failures[0].Code != framing.CodeOtherKind {
		t.Errorf("ended with %v, %v", s.ReceiveErr, s.Received.Failures)
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
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(lying))
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || len(s.Sent.Failures) != 1 || s.Sent.Failures[0].Code != framing.CodeUnsupported {
		t.Errorf("ended with %v, %v", s.SendErr, s.Sent.Failures)
	}
	if _, err := os.Stat(filepath.Join(dst, "status")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was published: %v", err)
	}
}
