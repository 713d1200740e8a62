//go:build faults && linux

package faults

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

// What the outer process tells the one in the namespaces, or itself if there are
// none: the folder that it made, and why there are no namespaces, if so.
const (
	baseEnv   = "FERRY_FAULTS_BASE"
	sharedEnv = "FERRY_FAULTS_SHARED"
	// Why fusefault could not be built, if so.
	fuseEnv = "FERRY_FAULTS_FUSE"
)

// scratchLimit bounds the memory that the disks and trees of a run may take.
const scratchLimit = "3g"

func TestMain(m *testing.M) {
	flag.Parse()
	if base := os.Getenv(baseEnv); base != "" {
		os.Exit(inside(m, base))
	}
	os.Exit(outside(m))
}

// outside builds ferry, which may need the network, runs the tests in namespaces
// of their own, and removes what they leave, whatever their end.
func outside(m *testing.M) int {
	base, err := os.MkdirTemp("", "ferry-faults")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(base)
	if err := errors.Join(prepare(base), os.Setenv(baseEnv, base)); err != nil {
		return complain(err)
	}
	if os.Geteuid() != 0 {
		return shared(m, "root is needed")
	}
	// The death signal is that of the thread which started the child.
	runtime.LockOSThread()
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

// shared runs, on the machine as it is, the rounds that leave it alone.
func shared(m *testing.M, why string) int {
	if err := os.Setenv(sharedEnv, why); err != nil {
		return complain(err)
	}
	return run(m)
}

func prepare(base string) error {
	// Others than root run ferry too.
	if err := os.Chmod(base, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(base, "scratch"), 0o755); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", binaryIn(base), "ferry/cmd/ferry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building ferry: %w", err)
	}
	// A module of its own, which may not be at hand. .ci/run builds it by itself.
	fault := exec.Command("go", "build", "-o", faultIn(base), ".")
	fault.Dir = "fusefault"
	fault.Env = build.Env
	if out, err := fault.CombinedOutput(); err != nil {
		return os.Setenv(fuseEnv, fmt.Sprintf("%v: %s", err, firstLine(string(out))))
	}
	return nil
}

func binaryIn(base string) string { return filepath.Join(base, "ferry") }
func faultIn(base string) string  { return filepath.Join(base, "fusefault") }

// inside makes the namespaces fit to work in.
func inside(m *testing.M, base string) int {
	scratch := filepath.Join(base, "scratch")
	steps := []struct {
		name string
		err  error
	}{
		{"keeping mounts to itself", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")},
		// strace finds paths and the tests find children by the ids of this namespace.
		{"mounting /proc", unix.Mount("proc", "/proc", "proc", 0, "")},
		{"mounting " + scratch, unix.Mount("ferry-faults", scratch, "tmpfs", 0, "mode=0755,size="+scratchLimit)},
		// ip(8) keeps the names of its namespaces there.
		{"mounting /run", unix.Mount("ferry-faults", "/run", "tmpfs", 0, "mode=0755")},
		{"starting the loopback interface", startLoopback()},
	}
	for _, s := range steps {
		if s.err != nil {
			return complain(fmt.Errorf("%s: %w", s.name, s.err))
		}
	}
	return run(m)
}

func startLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// run runs the tests. Rounds that mostly wait run beside the others, so that the
// number of tests at a time is not that of processors: see campaign.lanes.
func run(m *testing.M) int {
	if err := flag.Set("test.parallel", "64"); err != nil {
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "faults:", err)
	return 1
}
