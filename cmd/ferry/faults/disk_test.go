//go:build faults && linux

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// disk is a file system in a file, whose power can be cut.
type disk struct {
	r           *round
	kind        string
	image, path string
	options     string
}

// diskBytes is the least that holds an ample tree twice, and that mkfs.xfs takes.
var diskBytes = map[string]int64{"ext4": 192 * mib, "xfs": 320 * mib, "btrfs": 192 * mib}

// disk makes and mounts one, or skips the round where that cannot be done.
func (r *round) disk(kind, options string) *disk {
	r.Helper()
	return r.diskOf(kind, options)
}

// diskOf is disk with arguments of mkfs.
func (r *round) diskOf(kind, options string, mkfs ...string) *disk {
	r.Helper()
	r.own()
	r.tool("mkfs." + kind)
	d := &disk{r: r, kind: kind, options: strings.Trim("loop,"+options, ","),
		image: filepath.Join(r.dir, kind+".image"), path: r.folder(kind)}
	must(r, os.WriteFile(d.image, nil, 0o600))
	must(r, os.Truncate(d.image, diskBytes[kind]))
	if out, err := exec.Command("mkfs."+kind, append(append([]string{"-q"}, mkfs...), d.image)...).CombinedOutput(); err != nil {
		r.leave("mkfs.%s: %v: %s", kind, err, firstLine(string(out)))
	}
	d.mount()
	r.Cleanup(func() { _ = unix.Unmount(d.path, unix.MNT_DETACH) })
	return d
}

func (d *disk) mount() {
	d.r.Helper()
	if out, err := exec.Command("mount", "-t", d.kind, "-o", d.options, d.image, d.path).CombinedOutput(); err != nil {
		d.r.leave("mounting %s: %v: %s", d.kind, err, firstLine(string(out)))
	}
}

// sync makes what the test itself has put there outlast a cut.
func (d *disk) sync() {
	d.r.Helper()
	dir, err := os.Open(d.path)
	must(d.r, err)
	defer dir.Close()
	must(d.r, unix.Syncfs(int(dir.Fd())))
	runtime.KeepAlive(dir)
}

// off cuts the power: nothing that is not on the disk yet gets there, not even
// the journal. What still runs on it gets errors from then on.
func (d *disk) off() error {
	dir, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	// FS_IOC_SHUTDOWN with FSOP_GOING_FLAGS_NOLOGFLUSH, the same for ext4 and xfs.
	const shutdown, noLogFlush = 0x8004587d, uint32(2)
	how := noLogFlush
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, dir.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		return fmt.Errorf("cutting the power of %s: %w", d.kind, errno)
	}
	return nil
}

// on starts the machine again: the journal is replayed, nothing is in a cache.
func (d *disk) on() {
	d.r.Helper()
	must(d.r, d.unmount())
	d.mount()
}

// unmount waits for whoever holds the disk by accident: a process that another
// round is just starting has all our open files until it runs its program.
func (d *disk) unmount() error {
	const tries, apart = 250, 20 * time.Millisecond
	for try := 0; ; try++ {
		err := unix.Unmount(d.path, 0)
		if !errors.Is(err, unix.EBUSY) || try == tries {
			return err
		}
		<-time.After(apart)
	}
}
