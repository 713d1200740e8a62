//go:build faults && linux

package faults

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallMemory is what a process may have, with what the kernel keeps for it.
const smallMemory = 64 << 20

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
		littleOf(t, dir, manyNames, "echo 0 >"+smallGroup(t))
	})
}

// smallGroup makes a cgroup of smallMemory, and returns the file that a process
// writes 0 to, to be in it.
func smallGroup(t *testing.T) string {
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
	group := filepath.Join(at, fmt.Sprintf("ferry-faults-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("no cgroup can be made:", err)
	}
	t.Cleanup(func() { _ = os.Remove(group) })
	must(t, os.WriteFile(filepath.Join(group, limit), fmt.Append(nil, smallMemory), 0))
	_ = os.WriteFile(filepath.Join(group, "memory.swap.max"), []byte("0"), 0) // where there is swap
	return filepath.Join(group, member)
}

// littleOf runs each command in a shell that first does what limits it.
func littleOf(t *testing.T, dir string, files int, limit string) {
	src := filepath.Join(dir, "src")
	must(t, os.Mkdir(src, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(src) })
	for i := range files {
		must(t, os.WriteFile(filepath.Join(src, fmt.Sprintf("one-of-many-names-%06d", i)), bytes.Repeat([]byte{'a' + byte(i%26)}, i%200), 0o644))
	}
	ferry := func(limited bool, args ...string) *exec.Cmd {
		script := `exec "$@"`
		if limited {
			script = limit + " && " + script
		}
		cmd := exec.Command("sh", append([]string{"-c", script, "sh", binaryIn(os.Getenv(baseEnv))}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "FERRY_CODE=7-copper-violin-meadow")
		return cmd
	}
	runs := func(cmd *exec.Cmd) {
		t.Helper()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", cmd.Args[5:], err, out)
		}
	}
	arrived := func(dst string) {
		t.Helper()
		if out, err := exec.Command("diff", "-r", src, filepath.Join(dst, "src")).CombinedOutput(); err != nil {
			t.Errorf("%s is not the same: %v %.500s", dst, err, out)
		}
		must(t, os.RemoveAll(dst))
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	runs(ferry(true, "copy", "-q", "--manifest", at("list"), src, at("copied")))
	runs(ferry(true, "copy", "-q", "--checksum", src, at("copied")))
	arrived(at("copied"))
	check := ferry(true, "checksum", "--quiet", "--check", at("list"))
	check.Dir = dir
	runs(check)
	for _, receiver := range []bool{true, false} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		address := ln.Addr().String()
		must(t, ln.Close())
		in := ferry(receiver, "receive", "-q", "--yes", "--listen", address, "--out", at("received"))
		var said bytes.Buffer
		in.Stderr = &said
		must(t, in.Start())
		runs(ferry(!receiver, "send", "-q", "--to", address, src))
		if err := in.Wait(); err != nil {
			t.Errorf("receive: %v\n%s", err, said.String())
		}
		arrived(at("received"))
	}
}
