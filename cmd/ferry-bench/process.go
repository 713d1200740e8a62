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
	// serverLimit is how long a server may take to listen, and to end.
	serverLimit = 10 * time.Second
	serverPoll  = 20 * time.Millisecond
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

// runProcess runs cmd to its end and returns its peak memory in bytes.
func runProcess(cmd *exec.Cmd) (int64, error) {
	var said complaints
	cmd.Stderr = &said
	// What it started may hold standard error open after it was killed.
	cmd.WaitDelay = serverLimit
	if err := cmd.Run(); err != nil {
		return 0, said.explain(cmd, err)
	}
	return peakOf(cmd.ProcessState), nil
}

// server is a process that listens until it is stopped. The zero value is one
// that was not started.
type server struct {
	cmd   *exec.Cmd
	said  complaints
	ended chan error // gets the result of Wait
}

// start starts cmd and waits until it accepts connections at addr.
func (s *server) start(ctx context.Context, cmd *exec.Cmd, addr string) error {
	cmd.Stderr = &s.said
	cmd.WaitDelay = serverLimit
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.ended = cmd, make(chan error, 1)
	go func() { s.ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, serverLimit)
	defer cancel()
	poll := time.NewTicker(serverPoll)
	defer poll.Stop()
	for {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "tcp", addr); err == nil {
			return conn.Close()
		}
		select {
		case err := <-s.ended:
			s.cmd = nil
			return s.said.explain(cmd, errors.Join(errors.New("ended at once"), err))
		case <-ctx.Done():
			return s.said.explain(cmd, fmt.Errorf("waiting for it to listen: %w", ctx.Err()))
		case <-poll.C:
		}
	}
}

// stop asks the server to end, makes it end if it does not, and waits for it.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	// A terminal's interrupt may have ended it before.
	if err := terminate(cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return s.said.explain(cmd, err)
	}
	select {
	case <-s.ended: // how it ends when it is told to is its own business
		return nil
	case <-time.After(serverLimit):
	}
	if err := cmd.Process.Kill(); err != nil {
		return s.said.explain(cmd, err)
	}
	<-s.ended
	return nil
}

// freeAddress is an address on loopback where nobody listened a moment ago.
func freeAddress() (host, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	host, port, err = net.SplitHostPort(l.Addr().String())
	return host, port, errors.Join(err, l.Close())
}
