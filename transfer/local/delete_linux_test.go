package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer/internal/deliverytest"
)

// What is mounted over a folder that would be deleted stays, even if it is a
// folder of the same file system: one of the source, say.
func TestDeleteLeavesMountsAlone(t *testing.T) {
	src, dst := layMirror(t)
	at := filepath.Join(dst, "old", "deep")
	if err := unix.Mount(filepath.Join(src, "keep"), at, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() { deliverytest.Must(t, unix.Unmount(at, unix.MNT_DETACH)) })
	_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if err == nil || r.Failed == 0 {
		t.Errorf("ended with %v, %d failed", err, r.Failed)
	}
	if _, err := os.Lstat(filepath.Join(src, "keep", "k")); err != nil {
		t.Error(err)
	}
}
