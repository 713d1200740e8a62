//go:build faults && linux

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer/reach/socket/sockettest"
)

// smallMemory is what a process may have, with what the kernel keeps for it, and
// leastMemory what a receiver of largeFile bytes or of someNames files needs.
const (
	smallMemory = 64 << 20
	leastMemory = 32 << 20
	largeFile   = 2 << 30
	someNames   = 20000
)

// fewOpen is how many descriptors it may have.
const fewOpen = 32

// manyNames is one folder of files, more than that memory holds carelessly.
const manyNames = 60000

// TestLittle runs the commands where a process may have little: it takes longer,
// and every one of them ends with 0.
func TestLittle(t *testing.T) {
	base := os.Getenv(baseEnv)
	dir := filepath.Join(base, "little")
	must(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var fs unix.Statfs_t
	must(t, unix.Statfs(dir, &fs))
	t.Run("descriptors", func(t *testing.T) {
		littleOf(t, dir, 3000, fmt.Sprintf("ulimit -n %d", fewOpen))
	})
	t.Run("memory", func(t *testing.T) {
		if fs.Type == unix.TMPFS_MAGIC {
			t.Skip("what is written to a tmpfs is memory too")
		}
		littleOf(t, dir, manyNames, "echo 0 >"+smallGroup(t, smallMemory))
	})
	t.Run("receiver", func(t *testing.T) {
		if fs.Type == unix.TMPFS_MAGIC {
			t.Skip("what is written to a tmpfs is memory too")
		}
		if int64(fs.Bavail)*fs.Bsize < 3*largeFile {
			t.Skip("there is no room for a large file twice")
		}
		l := &limited{T: t, dir: dir, limit: "echo 0 >" + smallGroup(t, leastMemory)}
		l.plant(someNames)
		l.delivered(true)
		must(t, os.RemoveAll(l.src()))
		must(t, os.Mkdir(l.src(), 0o755))
		must(t, writeRandom(filepath.Join(l.src(), "large"), largeFile))
		l.delivered(true)
	})
}

// smallGroup makes a cgroup that may have so much memory, and returns the file that a
// process writes 0 to, to be in it.
func smallGroup(t *testing.T, memory int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes cgroups")
	}
	at, limit, member := "/sys/fs/cgroup", "memory.max", "cgroup.procs"
	if on, err := os.ReadFile(at + "/cgroup.controllers"); err != nil || !strings.Contains(string(on), "memory") {
		at, limit, member = at+"/memory", "memory.limit_in_bytes", "tasks"
	} else if err := os.WriteFile(at+"/cgroup.subtree_control", []byte("+memory"), 0); err != nil {
		t.Skip("no cgroup with a limit of memory can be made:", err)
	}
	group := ownGroup(t, at)
	must(t, os.WriteFile(filepath.Join(group, limit), fmt.Append(nil, memory), 0))
	_ = os.WriteFile(filepath.Join(group, "memory.swap.max"), []byte("0"), 0) // where there is swap
	return filepath.Join(group, member)
}

// ownGroup makes a cgroup below at, under a name that no other has: several runs may be
// under way, and each is process 1 to itself. The group of a run that lives is locked. Those
// that killed runs left are removed.
func ownGroup(t *testing.T, at string) string {
	t.Helper()
	const prefix = "ferry-faults-"
	all, err := os.Open(at)
	if err != nil {
		t.Skip("no cgroup can be made:", err)
	}
	defer all.Close()
	must(t, unix.Flock(int(all.Fd()), unix.LOCK_EX)) // until the new one has its own
	left, err := filepath.Glob(filepath.Join(at, prefix+"*"))
	must(t, err)
	for _, path := range left {
		group, err := os.Open(path)
		if err != nil {
			continue // its run has just ended
		}
		if unix.Flock(int(group.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.Remove(path) // which no system does while a process is in it
		}
		_ = group.Close()
	}
	path, err := os.MkdirTemp(at, prefix)
	if err != nil {
		t.Skip("no cgroup can be made:", err)
	}
	group, err := os.Open(path)
	if err == nil {
		err = unix.Flock(int(group.Fd()), unix.LOCK_EX)
	}
	t.Cleanup(func() {
		_ = os.Remove(path) // what is left of it the next run removes
		_ = group.Close()
	})
	must(t, err)
	return path
}

// limited is where commands run in a shell that first does what limits them.
type limited struct {
	*testing.T
	dir, limit string
}

func (l *limited) at(name string) string { return filepath.Join(l.dir, name) }
func (l *limited) src() string           { return l.at("src") }

// plant makes a source of so many files.
func (l *limited) plant(files int) {
	must(l, os.Mkdir(l.src(), 0o755))
	l.Cleanup(func() { _ = os.RemoveAll(l.src()) })
	for i := range files {
		must(l, os.WriteFile(filepath.Join(l.src(), fmt.Sprintf("one-of-many-names-%06d", i)), bytes.Repeat([]byte{'a' + byte(i%26)}, i%200), 0o644))
	}
}

func (l *limited) ferry(within bool, args ...string) *exec.Cmd {
	script := `exec "$@"`
	if within {
		script = l.limit + " && " + script
	}
	cmd := exec.Command("sh", append([]string{"-c", script, "sh", binaryIn(os.Getenv(baseEnv))}, args...)...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "FERRY_CODE=7-copper-violin-meadow")
	return cmd
}

func (l *limited) runs(cmd *exec.Cmd) {
	l.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		l.Errorf("%v: %v\n%s", cmd.Args[5:], err, out)
	}
}

// arrived compares the source with what is in dst, and removes that.
func (l *limited) arrived(dst string) {
	l.Helper()
	if out, err := exec.Command("diff", "-r", l.src(), filepath.Join(dst, "src")).CombinedOutput(); err != nil {
		l.Errorf("%s is not the same: %v %.500s", dst, err, out)
	}
	must(l, os.RemoveAll(dst))
}

// delivered sends the source, where the receiver or the sender is limited.
func (l *limited) delivered(receiver bool) {
	l.Helper()
	address, err := sockettest.Address()
	must(l, err)
	in := l.ferry(receiver, "receive", "-q", "--yes", "--listen", address, "--out", l.at("received"))
	var said bytes.Buffer
	in.Stderr = &said
	must(l, in.Start())
	l.runs(l.ferry(!receiver, "send", "-q", "--retry-for", "20s", "--to", address, l.src()))
	if err := in.Wait(); err != nil {
		l.Errorf("receive: %v\n%s", err, said.String())
	}
	l.arrived(l.at("received"))
}

// littleOf runs each command with that limit.
func littleOf(t *testing.T, dir string, files int, limit string) {
	l := &limited{T: t, dir: dir, limit: limit}
	l.plant(files)
	l.runs(l.ferry(true, "copy", "-q", "--manifest", l.at("list"), l.src(), l.at("copied")))
	l.runs(l.ferry(true, "copy", "-q", "--checksum", l.src(), l.at("copied")))
	l.arrived(l.at("copied"))
	l.runs(l.ferry(true, "checksum", "--quiet", "--check", l.at("list")))
	l.delivered(true)
	l.delivered(false)
}

// writeRandom makes a file of so many bytes that nothing makes shorter.
func writeRandom(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	return errors.Join(err, f.Close())
}
