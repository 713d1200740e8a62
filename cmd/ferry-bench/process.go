package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// complaints keeps the first of what a process writes to standard error.
type complaints struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *complaints) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf.Write(p[:min(len(p), complaintLimit-c.buf.Len())])
	return len(p), nil
}

// explain adds to the error of a process what it said.
func (c *complaints) explain(cmd *exec.Cmd, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := bytes.TrimSpace(c.buf.Bytes())
	if len(said) == 0 {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	return fmt.Errorf("%s: %w: %q", filepath.Base(cmd.Path), err, said)
}

// usage is what the processes of one side took.
type usage struct {
	cpu    time.Duration
	peak   int64 // bytes of the largest, 0 if unknown
	hidden bool  // peak is no more than a bound
}

func (u *usage) add(p *process) {
	state := p.cmd.ProcessState
	u.cpu += state.UserTime() + state.SystemTime()
	if peak := peakOf(state); peak > u.peak {
		u.peak, u.hidden = peak, peak <= p.floor
	}
}

// process is one that was started and has to be waited for.
type process struct {
	cmd   *exec.Cmd
	floor int64 // bytes; a peak up to this one may be that of this program, see peakOf
	said  complaints
	ended chan struct{} // closed after err was written
	err   error
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.said
	err := cmd.Start()
	p.floor = ownPeak()
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		if err := cmd.Wait(); err != nil {
			p.err = p.said.explain(cmd, err)
		}
	}()
	return p, nil
}

// listens waits until the process listens at host and port.
func (p *process) listens(ctx context.Context, host, port string) error {
	ctx, cancel := context.WithTimeout(ctx, serverLimit)
	defer cancel()
	poll := time.NewTicker(serverPoll)
	defer poll.Stop()
	for {
		if ok, err := listening(p.cmd.Process.Pid, host, port); ok || err != nil {
			return err
		}
		select {
		case <-p.ended:
			if p.err != nil {
				return fmt.Errorf("ended at once: %w", p.err)
			}
			return fmt.Errorf("%s ended at once", filepath.Base(p.cmd.Path))
		case <-ctx.Done():
			return p.said.explain(p.cmd, fmt.Errorf("waiting for it to listen: %w", ctx.Err()))
		case <-poll.C:
		}
	}
}

// childless waits until what a daemon started for a client has ended and been
// waited for, since only then it counts among what the daemon used. It gives up
// after serverLimit.
func (p *process) childless() {
	end := time.NewTimer(serverLimit)
	defer end.Stop()
	poll := time.NewTicker(serverPoll)
	defer poll.Stop()
	for hasChildren(p.cmd.Process.Pid) {
		select {
		case <-p.ended:
			return
		case <-end.C:
			return
		case <-poll.C:
		}
	}
}

// stop asks the process to end, makes it end if it does not, and waits for it.
// How it ends when it is told to is its own business.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := terminate(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return p.said.explain(p.cmd, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(serverLimit):
	}
	if err := kill(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return p.said.explain(p.cmd, err)
	}
	<-p.ended
	return nil
}

// runProcess runs a command that has to succeed before anything is measured.
func runProcess(cmd *exec.Cmd) error {
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	<-p.ended
	return p.err
}
