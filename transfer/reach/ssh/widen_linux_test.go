package ssh

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A pipe that was widened takes at once what fills several packets of ssh. The system may
// refuse a user who has many wide pipes: then there is nothing to be seen.
func TestWiden(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	fd := int(w.Fd())
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize); err != nil {
		t.Skip(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 64<<10); err != nil {
		t.Fatal(err)
	}
	widen(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Write(fd, make([]byte, pipeSize)); n != pipeSize || err != nil {
		t.Errorf("a pipe took %d bytes at once, and not %d: %v", n, pipeSize, err)
	}
}
