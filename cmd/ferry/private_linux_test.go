package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A ferry that runs cannot be read by others of the same user, and can still use its
// own folder in /proc, which metadata of links needs.
func TestMemoryIsPrivate(t *testing.T) {
	if os.Getenv("FERRY_TEST_PRIVATE") == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestMemoryIsPrivate$", "-test.v")
		child.Env = append(os.Environ(), "FERRY_TEST_PRIVATE=1")
		out, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	keepPrivate()
	if n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); n != 0 || err != nil {
		t.Errorf("dumpable %d, %v", n, err)
	}
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		t.Error(err)
	}
	if _, err := os.ReadFile("/proc/self/status"); err != nil {
		t.Error(err)
	}
}
