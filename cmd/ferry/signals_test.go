//go:build unix

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/reach/socket/sockettest"
)

func TestSignals(t *testing.T) {
	t.Cleanup(func() { signal.Reset() })
	exited := make(chan int, 1)
	ctx, watch := watchSignals(func(code int) { exited <- code })
	if got := watch.exit(5); got != 5 {
		t.Errorf("without a signal the exit code is %d", got)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	first := syscall.SIGHUP
	if signal.Ignored(first) { // these tests run under nohup, and so does ferry then
		first = syscall.SIGTERM
	}
	if err := self.Signal(first); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if got := exitOf(ctx, errors.New("anything"), transfer.Result{}, nil); got != exitTerminated {
		t.Errorf("%v ends with %d", first, got)
	}
	if got := watch.exit(0); got != exitTerminated {
		t.Errorf("a success after the signal ends with %d", got)
	}
	if err := self.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := <-exited; got != exitTerminated {
		t.Errorf("the second signal ends with %d", got)
	}
}

// What leaves ends after graceTime whatever goes on in it, and not as a success.
func TestLeave(t *testing.T) {
	exited := make(chan int, 1)
	began := time.Now()
	watch := &signalWatch{stop: func(code int) { exited <- code }}
	watch.leave()
	if got := <-exited; got != exitInterrupted || time.Since(began) < graceTime {
		t.Errorf("it ended with %d after %v", got, time.Since(began))
	}
	watch = nil
	watch.leave() // in a test nothing ends
	watch.linger(0)
}

// A standard error that takes nothing (a stopped terminal) does not keep an
// interrupted ferry alive.
func TestInterruptedWhileOutputStandsStill(t *testing.T) {
	ferry, err := exec.LookPath("ferry")
	if err != nil {
		t.Fatal(err)
	}
	addr, err := sockettest.Address()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// Filled to the brim before ferry has it. The write ends with its deadline.
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 4<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("filling the pipe: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), ferry, "send", file, "--listen", addr)
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; { // once it listens its signals are caught
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Since(start) > scriptLimit {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("ended with %v, want exit code %d", err, exitInterrupted)
	}
}
