package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// raceEnv has a child of this test swap names in the folder that it names.
// raceTime is how long one attack lasts; a number of seconds in the environment
// makes it longer.
const (
	raceEnv     = "FERRY_RACE_CHILD"
	raceTimeEnv = "FERRY_RACE_SECONDS"
	raceTime    = 2 * time.Second
	nobody      = 65534
)

// attacked are the paths whose last names are swapped with a twin, which is a
// link to the same path in the folder outside.
var attacked = []string{"d", "d/e", "d/e/f", "d/f", "f", "large", "l", ".ferry-partial"}

func twin(name string) string { return "twin-" + name }

// swap exchanges each attacked name with its twin, over and over, until standard
// input ends. It goes to each folder without following links, so that it does
// not itself leave the tree.
func swap(root string) (swaps int, err error) {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	for {
		for _, path := range attacked {
			select {
			case <-done:
				return swaps, nil
			default:
			}
			dir, ok := enter(root, filepath.Dir(path))
			if !ok {
				continue // it is a link just now, or not there
			}
			name := filepath.Base(path)
			// It has to be a link for as long as it is not the real one.
			err := unix.Symlinkat(filepath.Join(filepath.Dir(root), "outside", path), dir, twin(name))
			if err == nil || err == unix.EEXIST {
				if unix.Renameat2(dir, name, dir, twin(name), unix.RENAME_EXCHANGE) == nil {
					swaps++
				}
			}
			unix.Close(dir)
		}
	}
}

// enter opens a folder below root, component by component.
func enter(root, path string) (int, bool) {
	const flags = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(root, flags, 0)
	for _, name := range strings.Split(path, "/") {
		if err != nil {
			return -1, false
		}
		var next int
		next, err = unix.Openat(fd, name, flags, 0)
		unix.Close(fd)
		fd = next
	}
	return fd, err == nil
}

// attack runs round again and again while another process, of user uid, swaps
// names below root.
func attack(t *testing.T, uid int, root string, round func(n int)) {
	t.Helper()
	length := raceTime
	if s := os.Getenv(raceTimeEnv); s != "" {
		n, err := strconv.Atoi(s)
		deliverytest.Must(t, err)
		length = time.Duration(n) * time.Second
	}
	self, err := os.Executable()
	deliverytest.Must(t, err)
	if uid != os.Getuid() {
		// The other user may not look into the folder where tests are built.
		b, err := os.ReadFile(self)
		deliverytest.Must(t, err)
		self = filepath.Join(filepath.Dir(root), "child")
		deliverytest.Must(t, os.WriteFile(self, b, 0o755))
	}
	child := exec.Command(self, "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$")
	child.Env = append(os.Environ(), raceEnv+"="+root, "GORACE=atexit_sleep_ms=0")
	if uid != os.Getuid() {
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	var said bytes.Buffer
	child.Stdout, child.Stderr = &said, &said
	stop, err := child.StdinPipe()
	deliverytest.Must(t, err)
	deliverytest.Must(t, child.Start())
	n := 0
	for end := time.Now().Add(length); time.Now().Before(end); n++ {
		round(n)
	}
	deliverytest.Must(t, stop.Close())
	if err := child.Wait(); err != nil {
		t.Fatalf("the attacker: %v: %s", err, &said)
	}
	_, count, _ := strings.Cut(said.String(), "swaps: ")
	swaps, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(count, "\n", 2)[0]))
	if err != nil || swaps < 100 {
		t.Errorf("only %d swaps in %d rounds: %s", swaps, n, &said)
	}
	t.Logf("%d swaps in %d rounds", swaps, n)
}

// isAttacker plays the child and tells that it did.
func isAttacker(t *testing.T) bool {
	root := os.Getenv(raceEnv)
	if root == "" {
		return false
	}
	n, err := swap(root)
	deliverytest.Must(t, err)
	fmt.Println("swaps:", n)
	return true
}

// attackers are the users to attack as: this one, and nobody if this is root.
func attackers() map[string]int {
	if os.Getuid() == 0 {
		return map[string]int{"root": 0, "nobody": nobody}
	}
	return map[string]int{"the same user": os.Getuid()}
}

// raceDir is a folder that any user can reach.
func raceDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ferry-race")
	deliverytest.Must(t, err)
	t.Cleanup(func() { deliverytest.Must(t, os.RemoveAll(dir)) })
	deliverytest.Must(t, os.Chmod(dir, 0o755))
	return dir
}

// plantTree makes the names that are attacked below dir. All of its content
// begins with mark.
func plantTree(t *testing.T, dir, mark string, n int) {
	t.Helper()
	deliverytest.Must(t, os.MkdirAll(filepath.Join(dir, "d", "e"), 0o777))
	for _, path := range []string{"d/e/f", "d/f", "f"} {
		deliverytest.Must(t, os.WriteFile(filepath.Join(dir, path), []byte(fmt.Sprint(mark, n)), 0o644))
	}
	deliverytest.Must(t, os.WriteFile(filepath.Join(dir, "large"), bytes.Repeat([]byte(mark), 2*deliverytest.MiB/len(mark)+n%7), 0o644))
	for _, path := range []string{"d", "d/e"} { // whatever the umask
		deliverytest.Must(t, os.Chmod(filepath.Join(dir, path), 0o777))
	}
}

// photograph lists all there is below dir, with content, modes and times.
func photograph(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	deliverytest.Must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var b []byte
		if d.Type().IsRegular() {
			if b, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&all, "%s %v %d %x\n", path, info.Mode(), info.ModTime().UnixNano(), b)
		return nil
	}))
	return all.String()
}

// deliverAnyway runs a delivery of which only the traces count.
func deliverAnyway(t *testing.T, src, dst string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	d, err := local.NewFolder(dst, local.FolderOptions{NoSync: true})
	deliverytest.Must(t, err)
	a, b := deliverytest.Pair(t)
	received := make(chan error, 1)
	go func() {
		_, err := receive.Receive(ctx, b, receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite, Links: transfer.LinksAll})
		received <- err
	}()
	_, serr := send.Send(ctx, a, send.Options{Sources: deliverytest.Contents(src)})
	if err := errors.Join(serr, <-received); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it did not end: %v", err)
	}
	_ = d.Close() // what was taken away under it may be missed
}

// N30: while another process swaps each parent and each file in the destination
// with links, nothing outside is written, removed or touched.
func TestReceiverInALinkRace(t *testing.T) {
	if isAttacker(t) {
		return
	}
	for name, uid := range attackers() {
		t.Run(name, func(t *testing.T) {
			base := raceDir(t)
			src, dst, outside := filepath.Join(base, "src"), filepath.Join(base, "dst"), filepath.Join(base, "outside")
			deliverytest.Must(t, os.Mkdir(dst, 0o777))
			deliverytest.Must(t, os.Chmod(dst, 0o777))
			plantTree(t, outside, "outside", 0)
			deliverytest.Must(t, os.Mkdir(filepath.Join(outside, ".ferry-partial"), 0o700))
			deliverytest.Must(t, os.WriteFile(filepath.Join(outside, "l"), nil, 0o644))
			before := photograph(t, outside)
			attack(t, uid, dst, func(n int) {
				plantTree(t, src, "sent", n)
				if n == 0 {
					deliverytest.Must(t, os.Symlink("f", filepath.Join(src, "l")))
				}
				deliverAnyway(t, src, dst)
			})
			if after := photograph(t, outside); after != before {
				t.Errorf("outside has changed, from %d bytes of listing to %d", len(before), len(after))
			}
		})
	}
}

// N31: while another process swaps each folder and each file of the source with
// links, nothing that is outside of it is read.
func TestSenderInALinkRace(t *testing.T) {
	if isAttacker(t) {
		return
	}
	for name, uid := range attackers() {
		t.Run(name, func(t *testing.T) {
			base := raceDir(t)
			src, dst, outside := filepath.Join(base, "src"), filepath.Join(base, "dst"), filepath.Join(base, "outside")
			plantTree(t, outside, "outside", 0)
			deliverytest.Must(t, os.Mkdir(src, 0o777))
			deliverytest.Must(t, os.Chmod(src, 0o777))
			plantTree(t, src, "sent", 0)
			attack(t, uid, src, func(int) {
				deliverytest.Must(t, os.Mkdir(dst, 0o755))
				deliverAnyway(t, src, dst)
				deliverytest.Must(t, filepath.WalkDir(dst, func(path string, d fs.DirEntry, err error) error {
					if err != nil || !d.Type().IsRegular() {
						return err
					}
					b, err := os.ReadFile(path)
					if bytes.Contains(b, []byte("outside")) {
						t.Errorf("%s was read outside of the source", path)
					}
					return err
				}))
				deliverytest.Must(t, os.RemoveAll(dst))
			})
		})
	}
}
