//go:build faults && linux

package faults

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ferry/transfer/reach/socket/sockettest"

	"golang.org/x/sys/unix"
)

// The file systems that are delivered to. One that cannot be had here skips its round.

func ext4(r *round) *target {
	return &target{dir: r.disk("ext4", "").path, whole: true}
}

func ext4Small(r *round) *target {
	d := r.diskOf("ext4", "", "-I", "128")
	return &target{dir: d.path, whole: true, clock: clock{grid: 1e9}}
}

func xfs(r *round) *target {
	return &target{dir: r.disk("xfs", "").path, whole: true}
}

func btrfs(r *round) *target { return &target{dir: r.disk("btrfs", "").path, whole: true} }

func tmpfs(r *round) *target { return &target{dir: r.memory("size=80m"), whole: true} }

// plainNames leaves the odd names out, so that the rest is seen to come whole.
func plainNames(of func(r *round) *target) func(r *round) *target {
	return func(r *round) *target {
		t := of(r)
		t.oddity.plainNames, t.folds = true, false
		return t
	}
}

// What comes before 1970 is rounded wrongly.
var ntfsClock = clock{grid: 100, early: 1e9 + 1}

func ntfs(r *round) *target {
	dir := r.image("ntfs", 64*mib, []string{"mkfs.ntfs", "-Q", "-F", "-q"}, "ntfs-3g", "-o", "windows_names")
	return &target{dir: dir, clock: ntfsClock}
}

func lowntfs(r *round) *target {
	dir := r.image("ntfs", 64*mib, []string{"mkfs.ntfs", "-Q", "-F", "-q"}, "lowntfs-3g", "-o", "ignore_case")
	return &target{dir: dir, folds: true, clock: ntfsClock}
}

func exfat(r *round) *target {
	dir := r.image("exfat", 64*mib, []string{"mkfs.exfat"}, "mount.exfat-fuse")
	return &target{dir: dir, folds: true, clock: clock{grid: 2e9}}
}

// image makes a file system in a file and mounts it by a program that runs in user
// space.
func (r *round) image(name string, size int64, mkfs []string, mount string, options ...string) string {
	r.Helper()
	r.own()
	r.tool(mkfs[0], mount, "losetup")
	r.fuse()
	image, dir := filepath.Join(r.dir, name+".image"), r.folder(name)
	must(r, os.WriteFile(image, nil, 0o600))
	must(r, os.Truncate(image, size))
	if out, err := exec.Command(mkfs[0], append(mkfs[1:], image)...).CombinedOutput(); err != nil {
		r.leave("%s: %v: %s", mkfs[0], err, firstLine(string(out)))
	}
	// exfat-fuse takes nothing but a device.
	device, err := exec.Command("losetup", "--find", "--show", image).Output()
	if err != nil {
		r.leave("losetup: %v", err)
	}
	loop := strings.TrimSpace(string(device))
	r.Cleanup(func() { _ = exec.Command("losetup", "-d", loop).Run() })
	r.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if out, err := exec.Command(mount, append(options, loop, dir)...).CombinedOutput(); err != nil {
		r.leave("%s: %v: %s", mount, err, firstLine(string(out)))
	}
	return dir
}

// fuse skips the round where no file system can run in user space.
func (r *round) fuse() {
	r.Helper()
	r.own()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		r.leave("%v", err)
	}
	_ = f.Close()
}

// sshfs goes over the loopback to a server of its own.
func sshfs(r *round) *target {
	r.tool("sshfs", "ssh", "ssh-keygen")
	r.fuse()
	daemon, err := exec.LookPath("sshd")
	if err != nil {
		if daemon = "/usr/sbin/sshd"; !executable(daemon) {
			r.leave("sshd is not installed")
		}
	}
	keys := r.folder("keys")
	must(r, os.Chmod(keys, 0o700))
	for _, name := range []string{"host", "user"} {
		r.do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(keys, name))
	}
	public, err := os.ReadFile(filepath.Join(keys, "user.pub"))
	must(r, err)
	must(r, os.WriteFile(filepath.Join(keys, "authorized"), public, 0o600))
	must(r, os.MkdirAll("/run/sshd", 0o755))
	port := freePort(r)
	config := fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nPermitRootLogin yes\n"+
		"StrictModes no\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n", port, keys, keys)
	must(r, os.WriteFile(filepath.Join(keys, "config"), []byte(config), 0o600))
	server := exec.Command(daemon, "-D", "-e", "-f", filepath.Join(keys, "config"))
	ready := r.daemon(server, "Server listening", nil)
	if !ready {
		r.leave("sshd does not start here")
	}
	backing, dir := r.folder("backing"), r.folder("sshfs")
	out, err := exec.Command("sshfs", "-p", fmt.Sprint(port), "-o", "IdentityFile="+keys+"/user,StrictHostKeyChecking=no,"+
		"UserKnownHostsFile="+keys+"/known,BatchMode=yes,allow_other,default_permissions", "root@127.0.0.1:"+backing, dir).CombinedOutput()
	if err != nil {
		r.leave("sshfs: %v: %s", err, firstLine(string(out)))
	}
	r.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return &target{dir: dir, see: backing, clock: clock{grid: 1e9}}
}

func executable(path string) bool { return unix.Access(path, unix.X_OK) == nil }

func freePort(r *round) int {
	r.Helper()
	ln, err := sockettest.Listen()
	must(r, err)
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// daemon starts a program that ends with the round, and reports whether it said
// that it is ready, on either output. Each line comes to heard, if there is one.
func (r *round) daemon(cmd *exec.Cmd, ready string, heard func(line string)) bool {
	r.Helper()
	read, write, err := os.Pipe()
	must(r, err)
	cmd.Stdout, cmd.Stderr = write, write
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return false
	}
	said := make(chan bool, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer read.Close()
		lines := bufio.NewScanner(read)
		for lines.Scan() {
			if heard != nil {
				heard(lines.Text())
			}
			if strings.Contains(lines.Text(), ready) {
				select {
				case said <- true:
				default:
				}
			}
		}
		select {
		case said <- false:
		default:
		}
	}()
	r.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		<-ended
	})
	select {
	case ok := <-said:
		return ok
	case <-time.After(patience):
		return false
	}
}

func overlay(r *round) *target {
	upper := r.memory("size=80m")
	dir := r.folder("overlay")
	for _, name := range []string{"upper", "work", "lower"} {
		must(r, os.Mkdir(filepath.Join(upper, name), 0o755))
	}
	options := fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", upper, upper, upper)
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		r.leave("mounting overlay: %v", err)
	}
	r.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return &target{dir: dir, whole: true}
}

// passThrough is the file system that refuses, without anything refused.
func passThrough(r *round) *target {
	t := r.refusing()
	t.oddity.latest = 9_000_000_000 // the library counts in ns, to 2262
	return t
}

// refusing mounts a folder through a file system that refuses operations, as
// fusefault names them.
func (r *round) refusing(refused ...string) *target {
	r.Helper()
	r.fuse()
	if why := os.Getenv(fuseEnv); why != "" {
		r.leave("fusefault: %s", why)
	}
	backing, dir := r.folder("backing"), r.folder("refusing")
	cmd := exec.Command(faultIn(os.Getenv(baseEnv)), append([]string{backing, dir}, refused...)...)
	if !r.daemon(cmd, "mounted", func(line string) {
		if strings.HasPrefix(line, "refused ") {
			r.hit()
		}
	}) {
		r.leave("fusefault does not start here")
	}
	// The mount goes before its process, which would take the round's files with it.
	r.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return &target{dir: dir, see: backing}
}

func fullTarget(r *round) *target {
	return &target{dir: r.memory("size=4m"), cramped: true}
}

func quotaTarget(r *round) *target {
	r.tool("btrfs")
	disk := r.disk("btrfs", "")
	volume := filepath.Join(disk.path, "volume")
	r.do("btrfs", "quota", "enable", disk.path)
	r.do("btrfs", "subvolume", "create", volume)
	r.do("btrfs", "qgroup", "limit", "5M", volume)
	return &target{dir: volume, cramped: true}
}

const nobody = 65534

// another is a folder that everybody may write to, by a user that does not own it.
func another(r *round) *target {
	return &target{dir: r.memory("size=80m,mode=1777"), uid: nobody, oddity: oddity{owner: nobody},
		prepare: func(folder string) {
			must(r, os.Chown(folder, 0, 0))
			must(r, os.Chmod(folder, 0o777))
		}}
}

// notOurs is one that only root may write to.
func notOurs(r *round) *target {
	return &target{dir: r.memory("size=80m,mode=755"), uid: nobody, oddity: oddity{owner: nobody}, cramped: true,
		prepare: func(folder string) { must(r, os.Chown(folder, 0, 0)) }}
}

// appendOnly: what is in the folder can be added to, and neither renamed nor removed.
func appendOnly(r *round) *target {
	r.tool("chattr")
	d := r.disk("ext4", "")
	return &target{dir: d.path, keepsState: true, whole: true,
		prepare: func(folder string) {
			r.do("chattr", "+a", folder)
			r.Cleanup(func() { _ = exec.Command("chattr", "-a", folder).Run() })
		}}
}
