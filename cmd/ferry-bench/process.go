package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const (
	// serverLimit is how long a server may take to listen, and a process to end
	// after it was told to.
	serverLimit = 10 * time.Second
	serverPoll  = 5 * time.Millisecond
	// complaintLimit bounds what is kept of what a process says, in bytes.
	complaintLimit = 4 << 10
)

// process is one that was started. It keeps the first of what it writes to
// standard error.
type process struct {
	cmd   *exec.Cmd
	stop  func()        // tells the process to end, and kills it after serverLimit
	floor int64         // bytes; a peak up to this one may be that of this program, see peakOf
	ended chan struct{} // closed after err was written
	err   error

	mu   sync.Mutex
	said bytes.Buffer // guarded by mu
}

// Write takes standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said.Write(b[:min(len(b), complaintLimit-p.said.Len())])
	return len(b), nil
}

// explain adds to an error what the process said.
func (p *process) explain(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err = fmt.Errorf("%s: %w", filepath.Base(p.cmd.Path), err)
	if said := bytes.TrimSpace(p.said.Bytes()); len(said) > 0 {
		err = fmt.Errorf("%w: %q", err, said)
	}
	return err
}

// start starts a command line, which is told to end when ctx does. The caller
// waits for ended.
func start(ctx context.Context, env []string, words ...string) (*process, error) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{cmd: exec.CommandContext(ctx, words[0], words[1:]...), stop: stop, ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr = env, p
	group(p.cmd)
	p.cmd.Cancel = func() error {
		time.AfterFunc(serverLimit, func() {
			select {
			case <-p.ended:
			default:
				_ = end(p.cmd.Process, true)
			}
		})
		return end(p.cmd.Process, false)
	}
	err := p.cmd.Start()
	p.floor = ownPeak()
	if err != nil {
		stop()
		return nil, err
	}
	go func() {
		if err := p.cmd.Wait(); err != nil {
			p.err = p.explain(err)
		}
		stop()
		close(p.ended)
	}()
	return p, nil
}

// runProcess runs a command that has to succeed before anything is measured.
func runProcess(ctx context.Context, words ...string) error {
	p, err := start(ctx, nil, words...)
	if err != nil {
		return err
	}
	<-p.ended
	return p.err
}

// listens waits until the process listens at host and port.
func (p *process) listens(ctx context.Context, host, port string) error {
	err := p.await(ctx, func() bool { return listening(p.cmd.Process.Pid, host, port) })
	if err != nil {
		return fmt.Errorf("waiting for it to listen: %w", err)
	}
	return nil
}

// childless waits until what a daemon started for a client has ended and been
// waited for, since only then it counts among what the daemon used.
func (p *process) childless() {
	// What a daemon does not wait for is not counted.
	_ = p.await(context.Background(), func() bool { return !hasChildren(p.cmd.Process.Pid) })
}

// await waits until something is true, but for no longer than the process lives
// and serverLimit lasts.
func (p *process) await(ctx context.Context, done func() bool) error {
	limit := time.After(serverLimit)
	for !done() {
		select {
		case <-p.ended:
			return errors.Join(fmt.Errorf("%s ended at once", filepath.Base(p.cmd.Path)), p.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return p.explain(os.ErrDeadlineExceeded)
		case <-time.After(serverPoll):
		}
	}
	return nil
}

// freePort is a TCP port where nobody listened a moment ago. In an emulated
// network, where nobody listens at all, it is as good as any.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}
