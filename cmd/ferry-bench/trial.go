package main

import (
	"context"
	"errors"
	"os/exec"
	"time"
)

// sample is one run of one tool.
type sample struct {
	elapsed   time.Duration
	near, far usage // of the sending side and of the other
	had       int64 // bytes that were there before
}

// trial is one delivery by one tool. Whoever makes it calls finish.
//
// The clock starts when the far side listens, as it would on another machine,
// and stops when both sides have ended; a daemon, which does not end, is stopped
// after that, so that its figures can be had.
type trial struct {
	ctx   context.Context
	net   *network
	state string // folder of the tool, made by its prepare
	src   string // folder to deliver
	file  string // below src, if that one file is all there is
	dst   string // folder to deliver into, as dst/base(src)
	// resumed: what came is to be kept if the delivery is interrupted, and used
	// if some is there.
	resumed bool

	sample    sample
	daemons   []*process
	receivers []*process
	senders   []*process
	after     []func() error // to be done in the end
}

func (t *trial) near(name string, args ...string) *exec.Cmd {
	return command(t.ctx, t.net.near, name, args...)
}

func (t *trial) far(name string, args ...string) *exec.Cmd {
	return command(t.ctx, t.net.far, name, args...)
}

// daemon starts cmd, which listens at port and serves until it is stopped.
func (t *trial) daemon(cmd *exec.Cmd, port string) error {
	// An interrupt of the delivery ends the client; the daemon notices by itself.
	cmd.Cancel = func() error { return nil }
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	t.daemons = append(t.daemons, p)
	return p.listens(t.ctx, t.net.address, port)
}

// receiver starts cmd, which listens at port and ends by itself when it has
// everything.
func (t *trial) receiver(cmd *exec.Cmd, port string) error {
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	t.receivers = append(t.receivers, p)
	return p.listens(t.ctx, t.net.address, port)
}

// send runs cmd, whose end together with that of the receivers is the end of the
// delivery.
func (t *trial) send(cmd *exec.Cmd) error {
	return t.timed(func() error {
		p, err := startProcess(cmd)
		if err != nil {
			return err
		}
		t.senders = append(t.senders, p)
		return t.wait()
	})
}

// sendFirst is for tools whose sender has to be there before the receiver. The
// clock starts with the receiver, after the head start.
func (t *trial) sendFirst(send, receive *exec.Cmd, headStart time.Duration) error {
	p, err := startProcess(send)
	if err != nil {
		return err
	}
	t.senders = append(t.senders, p)
	select {
	case <-p.ended:
		return errors.Join(errors.New("the sender ended before the receiver came"), p.err)
	case <-t.ctx.Done():
		return t.ctx.Err()
	case <-time.After(headStart):
	}
	return t.timed(func() error {
		p, err := startProcess(receive)
		if err != nil {
			return err
		}
		t.receivers = append(t.receivers, p)
		return t.wait()
	})
}

// wait waits for the end of both sides, or for the first that fails.
func (t *trial) wait() error {
	all := append(append([]*process{}, t.senders...), t.receivers...)
	results := make(chan error, len(all))
	for _, p := range all {
		go func() { // ends with the process, which finish waits for
			<-p.ended
			results <- p.err
		}()
	}
	for range all {
		if err := <-results; err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) timed(deliver func() error) error {
	began := time.Now()
	err := deliver()
	t.sample.elapsed = time.Since(began)
	return err
}

// finish stops all that still runs and returns the figures.
func (t *trial) finish() (sample, error) {
	var errs []error
	for _, p := range t.daemons {
		p.childless()
	}
	stop := func(p *process, side *usage) {
		errs = append(errs, p.stop())
		side.add(p)
	}
	for _, p := range t.senders {
		stop(p, &t.sample.near)
	}
	for _, p := range append(t.receivers, t.daemons...) {
		stop(p, &t.sample.far)
	}
	for _, f := range t.after {
		errs = append(errs, f())
	}
	return t.sample, errors.Join(errs...)
}
