//go:build faults && linux

package networks

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What the outer process tells the one in the namespaces, or itself if there are none: the
// folder that it made, and why there are no namespaces, if so.
const (
	baseEnv   = "FERRY_NETWORKS_BASE"
	sharedEnv = "FERRY_NETWORKS_SHARED"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(probeEnv); role != "" {
		os.Exit(probe(role))
	}
	flag.Parse()
	if base := os.Getenv(baseEnv); base != "" {
		os.Exit(inside(m, base))
	}
	os.Exit(outside(m))
}

// outside builds ferry, which may need the network, runs the tests in namespaces of their
// own, and removes what they leave, whatever their end.
func outside(m *testing.M) int {
	base, err := os.MkdirTemp("", "ferry-networks")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(base)
	build := exec.Command("go", "build", "-o", filepath.Join(base, "ferry"), "ferry/cmd/ferry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := errors.Join(os.Chmod(base, 0o755), build.Run(), os.Setenv(baseEnv, base)); err != nil {
		return complain(err)
	}
	if os.Geteuid() != 0 {
		return shared(m, "root is needed")
	}
	runtime.LockOSThread() // the death signal is that of the thread which started the child
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	if err := cmd.Start(); err != nil {
		return shared(m, "namespaces are needed: "+err.Error())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case sig := <-interrupted:
		err = errors.Join(cmd.Process.Signal(sig), <-ended)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return complain(err)
	}
	return cmd.ProcessState.ExitCode()
}

// shared skips the rounds, each with the reason.
func shared(m *testing.M, why string) int {
	if err := os.Setenv(sharedEnv, why); err != nil {
		return complain(err)
	}
	return m.Run()
}

// inside makes the namespaces fit to work in.
func inside(m *testing.M, base string) int {
	if os.Getenv(sharedEnv) == "" {
		for _, s := range []struct {
			name string
			err  error
		}{
			{"keeping mounts to itself", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")},
			{"mounting /proc", unix.Mount("proc", "/proc", "proc", 0, "")},
			// ip(8) keeps the names of its namespaces there.
			{"mounting /run", unix.Mount("ferry-networks", "/run", "tmpfs", 0, "mode=0755")},
		} {
			if s.err != nil {
				return complain(fmt.Errorf("%s: %w", s.name, s.err))
			}
		}
	}
	if err := flag.Set("test.parallel", "64"); err != nil { // see campaign.lanes
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "networks:", err)
	return 1
}
