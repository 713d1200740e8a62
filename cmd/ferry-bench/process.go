package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// serverLimit is how long a server may take to listen, and a process to end
	// after it was told to.
	serverLimit = 10 * time.Second
	serverPoll  = 5 * time.Millisecond
)

// process is one that was started.
type process struct {
	cmd   *exec.Cmd
	stop  func()        // tells the process to end, and kills it after serverLimit
	said  complaint     // read after ended is closed
	floor int64         // bytes; a peak up to this one may be that of this program, see peakOf
	ended chan struct{} // closed after err was written
	err   error
}

// complaint is the first 4 KiB of what a process writes to standard error.
type complaint struct{ bytes.Buffer }

func (c *complaint) Write(b []byte) (int, error) {
	c.Buffer.Write(b[:min(len(b), 4<<10-c.Len())])
	return len(b), nil
}

// start starts a command line of a tool on one side. It is told to end when ctx does.
// Whoever calls it waits for ended.
func start(ctx context.Context, side []string, line string, vars map[string]string) (*process, error) {
	words := append([]string{}, side...)
	if script, ok := strings.CutPrefix(line, "sh -c "); ok {
		words = append(words, "sh", "-c", script)
	} else {
		for word := range strings.FieldsSeq(strings.ReplaceAll(line, "$FLAGS", vars["FLAGS"])) {
			words = append(words, os.Expand(word, func(name string) string { return vars[name] }))
		}
	}
	ctx, stop := context.WithCancel(ctx)
	p := &process{cmd: exec.CommandContext(ctx, words[0], words[1:]...), stop: stop, ended: make(chan struct{})}
	p.cmd.Env = os.Environ()
	for name, value := range vars {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stderr, p.cmd.WaitDelay = &p.said, serverLimit
	p.cmd.Cancel = func() error { return end(p.cmd.Process, false) }
	group(p.cmd)
	err := p.cmd.Start()
	p.floor = ownPeak()
	if err != nil {
		stop()
		return nil, err
	}
	go func() {
		if err := p.cmd.Wait(); err != nil {
			p.err = fmt.Errorf("%s: %w: %q", filepath.Base(words[0]), err, bytes.TrimSpace(p.said.Bytes()))
		}
		_ = end(p.cmd.Process, true) // what it started and left; most often nothing
		stop()
		close(p.ended)
	}()
	return p, nil
}

// listens waits until the process listens at host and port.
func (p *process) listens(ctx context.Context, host, port string) error {
	err := p.await(ctx, func() bool { return listening(p.cmd.Process.Pid, host, port) })
	if err != nil {
		return fmt.Errorf("waiting for it to listen: %w", err)
	}
	return nil
}

// await waits until something is true, but for no longer than the process lives
// and serverLimit lasts.
func (p *process) await(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, serverLimit)
	defer cancel()
	for !done() {
		select {
		case <-p.ended:
			return errors.Join(errors.New("it ended at once"), p.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(serverPoll):
		}
	}
	return nil
}

// wait waits for the end of both sides, or for the first that fails. A far side that is
// nil is none.
func wait(near, far *process) error {
	first, second := near, near
	if far != nil {
		second = far
		select {
		case <-near.ended:
		case <-far.ended:
			first, second = far, near
		}
	}
	if <-first.ended; first.err != nil {
		return first.err
	}
	<-second.ended
	return second.err
}
