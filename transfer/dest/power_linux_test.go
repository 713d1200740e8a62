package dest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// disk is an ext4 file system in a file, whose power can be cut.
type disk struct{ image, path string }

func newDisk(t *testing.T) *disk {
	needRoot(t)
	needTool(t, "mkfs.ext4")
	base := t.TempDir()
	d := &disk{filepath.Join(base, "image"), filepath.Join(base, "disk")}
	must(t, os.WriteFile(d.image, nil, 0o600))
	must(t, os.Truncate(d.image, 64<<20))
	must(t, os.Mkdir(d.path, 0o700))
	if out, err := exec.Command("mkfs.ext4", "-q", d.image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v: %s", err, out)
	}
	d.mount(t)
	t.Cleanup(func() { _ = unix.Unmount(d.path, unix.MNT_DETACH) })
	return d
}

func (d *disk) mount(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.path).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
}

// cut drops all that is not on the disk yet, not even flushing the journal, and
// starts anew from what is.
func (d *disk) cut(t *testing.T, f *delivery) {
	t.Helper()
	dir, err := os.Open(d.path)
	must(t, err)
	const shutdown, noLogFlush = 0x8004587d, uint32(2) // EXT4_IOC_SHUTDOWN
	how := noLogFlush
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, dir.Fd(), shutdown, uintptr(unsafe.Pointer(&how)))
	must(t, dir.Close())
	if errno != 0 {
		t.Skipf("cutting the power: %v", errno)
	}
	_ = f.Close() // on a file system that is gone
	if out, err := exec.Command("umount", d.path).CombinedOutput(); err != nil {
		t.Fatalf("umount: %v: %s", err, out)
	}
	// A copy: a mount namespace that another process made meanwhile can keep the
	// dead file system alive, and the image would lead to that one again.
	next := d.image + "+"
	if out, err := exec.Command("cp", "--sparse=always", d.image, next).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	must(t, os.Remove(d.image))
	d.image = next
	d.mount(t)
}

// After Finish a power cut loses nothing, whichever way things were synced.
// Without syncs it does: the cut is a real one.
func TestPowerCutAfterFinish(t *testing.T) {
	for _, c := range []struct {
		name    string
		folders int
		files   int // in each
		arrange func(f *delivery)
		options Options
	}{
		{"few", 1, 3, func(*delivery) {}, Options{}},
		{"many", 3, 50, func(*delivery) {}, Options{}},
		{"many folders", 100, 2, func(*delivery) {}, Options{}},
		{"fsyncs", 40, 5, func(f *delivery) { f.root().vol.sync.trusted = false }, Options{}},
		{"named", 3, 20, func(f *delivery) { f.root().vol.noUnnamed.Store(true) }, Options{}},
		{"crowded", 3, 20, func(f *delivery) { f.work.budget = 5 }, Options{}},
		{"no sync", 3, 20, func(*delivery) {}, Options{NoSync: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDisk(t)
			out := filepath.Join(d.path, "made", "out")
			f, err := start(out, c.options, tree.Metadata{})
			must(t, err)
			c.arrange(f)
			type item struct {
				path string
				b    []byte
			}
			var items []item
			for i := range c.folders {
				folder := folderEntry(uint64(i+1), 0, fmt.Sprint("d", i))
				must2(t)(f.MakeFolder(folder))
				var batch []*storage.Publication
				for j := range c.files {
					size := 50 * j
					if i == 0 && j == 1 {
						size = 2*chunk + 1
					}
					e := fileEntry(fmt.Sprint(j), size)
					e.Parent = folder.ID
					b := content(size, uint64(i*1000+j))
					batch = append(batch, sealed(t, f, e, b))
					items = append(items, item{filepath.Join(out, folder.Name, e.Name), b})
				}
				publish(t, f, batch...)
				must2(t)(f.FinishFolder(folder))
			}
			finish(t, f)
			d.cut(t, f)
			if c.options.NoSync {
				if _, err := os.Stat(items[0].path); err == nil {
					t.Error("what was never synced is there: this cut proves nothing")
				}
				return
			}
			for _, item := range items {
				same(t, item.path, item.b, fileEntry("", len(item.b)))
			}
			for i := range c.folders {
				info, err := os.Stat(filepath.Join(out, fmt.Sprint("d", i)))
				must(t, err)
				if info.Mode().Perm() != 0o755 || !info.ModTime().Equal(testTime.Std()) {
					t.Errorf("folder %d: %v, %v", i, info.Mode(), info.ModTime())
				}
			}
			if left := stateNames(t, out); left != nil {
				t.Errorf("%q is left", left)
			}
		})
	}
}

// A power cut at any time leaves only whole contents under final names.
func TestPowerCutBeforeFinish(t *testing.T) {
	d := newDisk(t)
	must(t, exec.Command("mount", "-o", "remount,commit=1", d.path).Run())
	b := content(3*chunk, 1)
	for round := range 6 {
		out := filepath.Join(d.path, "out")
		f, err := start(out, Options{}, tree.Metadata{})
		must(t, err)
		large := fileEntry("large", len(b))
		p, err := f.Begin(large)
		must(t, err)
		fill(t, p, b, func(i uint64) bool { return i < uint64(round) })
		var batch []*storage.Publication
		for i := range 20 {
			batch = append(batch, sealed(t, f, fileEntry(fmt.Sprint(round, " ", i), 500+i), content(500+i, 2)))
		}
		if round%2 == 1 {
			publish(t, f, batch...)
		}
		if round >= 3 {
			must(t, seal(p, large, large.Size))
			publish(t, f, &storage.Publication{Partial: p, Entry: large, Replace: true})
		}
		d.cut(t, f)
		entries, err := os.ReadDir(out)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			var r, i int
			switch n, _ := fmt.Sscanf(e.Name(), "%d %d", &r, &i); {
			case n == 2:
				holds(t, filepath.Join(out, e.Name()), content(500+i, 2))
			case e.Name() == "large":
				holds(t, filepath.Join(out, e.Name()), b)
			}
		}
	}
}
