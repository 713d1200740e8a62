package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// pickyBytes is the size of a file system that mountPicky makes.
const pickyBytes = 64 << 20

// canMountPicky reports whether mountPicky can work here.
func canMountPicky() bool {
	for _, program := range []string{"mkntfs", "lowntfs-3g", "umount"} {
		if _, err := exec.LookPath(program); err != nil {
			return false
		}
	}
	return os.Geteuid() == 0
}

// mountPicky makes an NTFS that keeps to Windows' names, and mounts it at a new folder until
// the script ends.
func mountPicky(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: picky DIR")
	}
	at := ts.MkAbs(args[0])
	image := filepath.Join(ts.Getenv("WORK"), ".image-"+filepath.Base(at))
	ts.Check(os.Mkdir(at, 0o755))
	ts.Check(os.WriteFile(image, nil, 0o600))
	ts.Check(os.Truncate(image, pickyBytes))
	for _, command := range [][]string{{"mkntfs", "-q", "-Q", "-F", image}, {"lowntfs-3g", "-o", "windows_names", image, at}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			ts.Fatalf("%q: %v: %s", command, err, out)
		}
	}
	ts.Defer(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			ts.Logf("unmounting %s: %v: %s", at, err, out)
		}
	})
}
