package dest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer/storage/storagetest"
)

// The suite holds on a file system that keeps less, and folds names.
func TestContractOnNTFS(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	top := t.TempDir()
	image, at := filepath.Join(top, "image"), filepath.Join(top, "at")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(at, 0o755))
	check(os.WriteFile(image, nil, 0o600))
	check(os.Truncate(image, 96<<20))
	for _, args := range [][]string{{"mkntfs", "-q", "-Q", "-F", image}, {"lowntfs-3g", "-o", "ignore_case", image, at}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	for _, rehearses := range []bool{false, true} {
		storagetest.Destination(t, func(t *testing.T) storagetest.Place {
			dir, err := os.MkdirTemp(at, "place")
			check(err)
			p := placeIn(t, dir, rehearses)
			has := p.Has()
			has.Modes, has.HardLinks, has.FIFOs = false, false, false
			return limited{p, has}
		})
	}
}

// limited is a place that keeps less.
type limited struct {
	storagetest.Place
	has storagetest.Traits
}

func (l limited) Has() storagetest.Traits { return l.has }
