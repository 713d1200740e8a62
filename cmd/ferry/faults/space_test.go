//go:build faults && linux

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// space takes away what a destination needs: bytes, inodes, quota, the right to
// write, the folder itself.
func space(f *family) {
	f.play("refused_before_the_first_byte", refusedEarly)
	f.play("refused_before_the_first_byte_of_a_folder", refusedFolder)
	for range f.c.rounds {
		f.play("bytes", func(r *round) {
			full(r, "size=9m", "size=40m", size{small: 14, large: []int{6 * mib}})
		})
		f.play("bytes_taken_by_others_meanwhile", filledMeanwhile)
		f.play("inodes", func(r *round) {
			full(r, "nr_inodes=24", "nr_inodes=2000", size{small: 90, large: []int{2 * mib}})
		})
		f.play("quota", quota)
		f.play("size_of_a_file", fileLimit)
		f.play("read_only_mount", readOnly)
		f.play("read_only_meanwhile", func(r *round) { meanwhile(r, remountReadOnly) })
		f.play("unwritable", unwritable)
		f.play("immutable_target", immutable)
		f.play("destination_moved_away", func(r *round) { meanwhile(r, moveAway) })
		f.play("destination_replaced_by_a_link", func(r *round) { meanwhile(r, replaceByLink) })
		f.play("destination_removed", func(r *round) { meanwhile(r, removeAll) })
		f.play("destination_unmounted", func(r *round) { meanwhile(r, unmountLazily) })
	}
}

// memory mounts a file system in memory with these options.
func (r *round) memory(options string) string {
	r.Helper()
	r.own()
	path := r.folder("memory")
	if err := unix.Mount("ferry-faults", path, "tmpfs", 0, options); err != nil {
		r.leave("mounting tmpfs: %v", err)
	}
	r.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	return path
}

// refusedEarly: a named file that cannot fit is refused while nothing of it was
// written, with both figures.
func refusedEarly(r *round) {
	out := r.memory("size=5m")
	big := filepath.Join(r.folder("from"), "big")
	write(r, big, content(r.Rand, 13*mib), 0o600)
	d := &delivery{r: r, source: big, out: out, retry: mendNot}
	recv, send := d.run()
	r.hit()
	for _, e := range []ending{recv, send} {
		text := e.result.Error.Message + e.failures()
		if e.exit != 6 || !strings.Contains(text, "13.0 MiB") || !strings.Contains(text, "free") {
			r.Errorf("want exit code 6, the bytes needed and those free: %v\n%s", e, e.failures())
		}
	}
	names, err := os.ReadDir(out)
	if err != nil || len(names) != 0 {
		r.Errorf("%v is there, %v", names, err)
	}
}

// refusedFolder: of a folder the sizes are known as the walk goes, and what
// cannot fit is not begun.
func refusedFolder(r *round) {
	out := r.memory("size=5m")
	d := &delivery{r: r, source: filepath.Join(r.folder("from"), "tree"), out: out, retry: mendNot}
	must(r, os.Mkdir(d.source, 0o755))
	for _, name := range []string{"a", "b", "c"} {
		write(r, filepath.Join(d.source, name), content(r.Rand, 3*mib), 0o644)
	}
	d.sent, d.before = scan(r, d.source), picture{}
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit == 0 || send.exit == 0 {
		r.Errorf("9 MiB in 5: %v, %v", recv, send)
	}
	must(r, unix.Mount("ferry-faults", out, "tmpfs", unix.MS_REMOUNT, "size=40m"))
	d.converge()
}

// full delivers to a disk that is too small, and again once it is not.
func full(r *round, before, after string, s size) {
	d := r.deliveryTo(s, r.memory(before))
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit == 0 || send.exit == 0 {
		r.Errorf("it did not fit: %v, %v", recv, send)
	}
	must(r, unix.Mount("ferry-faults", d.out, "tmpfs", unix.MS_REMOUNT, after))
	d.converge()
}

// filledMeanwhile: there was room when the delivery began.
func filledMeanwhile(r *round) {
	d := r.deliveryTo(size{small: 14, large: []int{6 * mib}, fresh: true}, r.memory("size=24m"))
	rival := filepath.Join(d.out, "rival")
	d.gate = r.gate(&fault{forth, 2*mib + r.Int64N(3*mib), then(func() {
		_ = os.WriteFile(rival, make([]byte, 24*mib), 0o600) // as much as there is room for
	})})
	recv, send := d.run()
	d.check(recv, send)
	if recv.exit == 0 {
		r.Errorf("it did not fit: %v, %v", recv, send)
	}
	must(r, os.Remove(rival))
	d.converge()
}

// quota: btrfs is the file system whose quota needs nothing but its own tools.
func quota(r *round) {
	r.tool("btrfs")
	disk := r.disk("btrfs", "")
	volume := filepath.Join(disk.path, "volume")
	r.do("btrfs", "quota", "enable", disk.path)
	r.do("btrfs", "subvolume", "create", volume)
	d := r.deliveryTo(size{small: 14, large: []int{6 * mib}}, filepath.Join(volume, "out"))
	r.do("btrfs", "qgroup", "limit", "5M", volume)
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit == 0 || send.exit == 0 {
		r.Errorf("it did not fit: %v, %v", recv, send)
	}
	r.do("btrfs", "quota", "disable", disk.path)
	d.converge()
}

func fileLimit(r *round) {
	r.tool("prlimit")
	d := r.delivery(little())
	d.recv.wrapper = []string{"prlimit", "--fsize=2097152"}
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit == 0 || send.exit == 0 {
		r.Errorf("a file was too large: %v, %v", recv, send)
	}
	d.converge()
}

func readOnly(r *round) {
	d := r.deliveryTo(little(), r.memory("size=40m"))
	must(r, unix.Mount("ferry-faults", d.out, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit != 6 || send.exit != 6 {
		r.Errorf("want exit code 6: %v, %v", recv, send)
	}
	must(r, unix.Mount("ferry-faults", d.out, "tmpfs", unix.MS_REMOUNT, ""))
	d.converge()
}

// meanwhile delivers while take takes the destination away, and again once it
// is back.
func meanwhile(r *round, take func(r *round, disk *disk, d *delivery) (back func())) {
	disk := r.disk("ext4", "errors=remount-ro")
	d := r.deliveryTo(size{small: 14, large: []int{9 * mib}}, filepath.Join(disk.path, "out"))
	disk.sync()
	var back func()
	d.gate = r.gate(&fault{forth, mib + r.Int64N(6*mib), then(func() { back = take(r, disk, d) })})
	recv, send := d.run()
	d.gate.close()
	if back == nil {
		r.Fatalf("ended before: %v, %v", recv, send)
	}
	back()
	if recv.exit == 0 || send.exit == 0 {
		r.Errorf("the destination was gone: %v, %v", recv, send)
	}
	d.check(recv, send)
	d.converge()
}

// remountReadOnly lets the file system meet an error of its own, as a failing
// disk does.
func remountReadOnly(r *round, disk *disk, _ *delivery) func() {
	source, err := exec.Command("findmnt", "-no", "SOURCE", disk.path).Output()
	if err != nil {
		r.Errorf("findmnt: %v", err)
		return func() {}
	}
	name := filepath.Base(strings.TrimSpace(string(source)))
	if err := os.WriteFile(filepath.Join("/sys/fs/ext4", name, "trigger_fs_error"), []byte("1"), 0); err != nil {
		r.Errorf("making the disk fail: %v", err)
	}
	return func() {
		must(r, disk.unmount())
		if out, err := exec.Command("e2fsck", "-fy", disk.image).CombinedOutput(); err != nil && !strings.Contains(string(out), "MODIFIED") {
			r.Fatalf("e2fsck: %v: %s", err, out)
		}
		disk.mount()
	}
}

func moveAway(r *round, _ *disk, d *delivery) func() {
	out := d.out
	if err := os.Rename(out, out+"-elsewhere"); err != nil {
		r.Error(err)
	}
	return func() { must(r, os.Rename(out+"-elsewhere", out)) }
}

// replaceByLink puts a link to a folder of somebody else where the destination
// was. Nothing may get there.
func replaceByLink(r *round, _ *disk, d *delivery) func() {
	out := d.out
	victim := r.folder("victim")
	if err := os.Rename(out, out+"-elsewhere"); err != nil {
		r.Error(err)
	}
	if err := os.Symlink(victim, out); err != nil {
		r.Error(err)
	}
	return func() {
		if names, err := os.ReadDir(victim); err != nil || len(names) != 0 {
			r.Errorf("%v was written through a link, %v", names, err)
		}
		must(r, os.Remove(out))
		must(r, os.Rename(out+"-elsewhere", out))
	}
}

func removeAll(r *round, _ *disk, d *delivery) func() {
	// Names may come while others go; what is made after that is ferry's.
	if err := os.RemoveAll(d.out); err != nil {
		_ = os.RemoveAll(d.out)
	}
	return func() {
		d.before = picture{}
		must(r, os.MkdirAll(d.out, 0o755))
	}
}

func unmountLazily(r *round, disk *disk, _ *delivery) func() {
	if err := unix.Unmount(disk.path, unix.MNT_DETACH); err != nil {
		r.Error(err)
	}
	return func() {
		if names, err := os.ReadDir(disk.path); err != nil || len(names) != 0 {
			r.Errorf("%v was made under the mount, %v", names, err)
		}
		disk.mount()
	}
}

// unwritable is a folder of somebody else. Root is held by no mode.
func unwritable(r *round) {
	r.own()
	const nobody = 65534
	d := r.delivery(little())
	d.recv.uid = nobody
	must(r, os.Chmod(d.out, 0o755))
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit == 0 || send.exit == 0 {
		r.Errorf("the folder is not theirs to write: %v, %v", recv, send)
	}
	r.do("chown", "-R", "65534:65534", d.out)
	d.converge()
}

// immutable: what cannot be replaced is listed, all else arrives.
func immutable(r *round) {
	r.own()
	r.tool("chattr")
	disk := r.disk("ext4", "")
	d := r.deliveryTo(little(), filepath.Join(disk.path, "out"))
	target := filepath.Join(d.landed(), "small0")
	r.do("chattr", "+i", target)
	recv, send := d.run()
	r.hit()
	d.check(recv, send)
	if recv.exit != 1 || send.exit != 1 || !strings.Contains(recv.failures(), "small0") || !strings.Contains(send.failures(), "small0") {
		r.Errorf("want exit code 1 and the name: %v, %v", recv, send)
	}
	got := d.received()
	for path, w := range d.sent {
		if path != "small0" && got[path].sum != w.sum {
			r.Errorf("%q could have been delivered", path)
		}
	}
	r.do("chattr", "-i", target)
	d.converge()
}
