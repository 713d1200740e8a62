package selftest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Tied is a variable in the environment of each child. A ferry that has it ends when its
// standard input does, and so it cannot outlive the process that started it, however that
// one ends.
const Tied = "FERRY_TIED"

// codeVariable is where ferry reads a code. It is never in an argument list.
const codeVariable = "FERRY_CODE"

// exit codes that the trials expect.
const (
	exitOK         = 0
	exitIncomplete = 1
	exitRefused    = 4
)

// told is an object of --json, as far as the trials look at it.
type told struct {
	Type         string
	Path         string
	What         string // of warned
	Addresses    []string
	Bytes, Kept  int64 // of progress: settled, and left by an earlier attempt
	Exit         int
	OK           bool
	Durable      bool
	Acknowledged bool
	Unsynced     string
	Reused       int64
	Streams      int
	Error        struct{ Message string }
}

// process is a ferry that runs. Its goroutine reads what it says until it has ended.
type process struct {
	name  string // what it is in the trial
	cmd   *exec.Cmd
	log   *os.File // all that it says
	ended chan struct{}

	mu      sync.Mutex
	told    []told
	changed chan struct{} // closed when more is told
}

// start runs ferry with args and a code. before, if not nil, is a command that runs it.
func (b *bench) start(name, code string, before []string, args ...string) (*process, error) {
	b.started++
	log, err := os.Create(fmt.Sprintf("%s/%d-%s.log", b.dir, b.started, name))
	if err != nil {
		return nil, err
	}
	argv := append(append(append([]string{}, before...), b.Program), args...)
	argv = append(argv, "--json")
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), log: log, ended: make(chan struct{}), changed: make(chan struct{})}
	p.cmd.Env = append(append([]string{}, b.Env...), codeVariable+"="+code, Tied+"=1", "ALL_PROXY=", "all_proxy=") // all of it stays on this machine
	p.cmd.Stderr = log
	// Never written to. It ends with this process at the latest.
	if _, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the %s: %w", name, err), log.Close())
	}
	b.processes = append(b.processes, p)
	go p.listen(out)
	return p, nil
}

func (p *process) listen(out io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(io.TeeReader(out, p.log))
	lines.Buffer(nil, mib)
	for lines.Scan() {
		var t told
		if json.Unmarshal(lines.Bytes(), &t) != nil {
			continue
		}
		p.mu.Lock()
		p.told = append(p.told, t)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, out)
	_ = p.cmd.Wait() // its state says how it ended
	_ = p.log.Close()
}

// kill ends it at once, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// says waits until it has said something that is does, and returns that.
func (p *process) says(ctx context.Context, what string, is func(told) bool) (told, error) {
	for seen := 0; ; {
		p.mu.Lock()
		more, changed := p.told[seen:], p.changed
		p.mu.Unlock()
		for _, t := range more {
			if is(t) {
				return t, nil
			}
		}
		seen += len(more)
		select {
		case <-changed:
		case <-ctx.Done():
			return told{}, context.Cause(ctx)
		case <-p.ended:
			p.mu.Lock()
			over := seen == len(p.told)
			p.mu.Unlock()
			if over {
				return told{}, fmt.Errorf("the %s ended without %s: %w", p.name, what, p.outcome())
			}
		}
	}
}

// address is where it listens.
func (p *process) address(ctx context.Context) (string, error) {
	t, err := p.says(ctx, "listening", func(t told) bool { return t.Type == "listening" && len(t.Addresses) > 0 })
	if err != nil {
		return "", err
	}
	return t.Addresses[0], nil
}

// outcome says with what it ended and what it said about that.
func (p *process) outcome() error {
	text := fmt.Sprintf("exit code %d", p.cmd.ProcessState.ExitCode())
	if message := p.result().Error.Message; message != "" {
		text += ": " + message
	}
	return errors.New(text)
}

// result is its last word, zero if it said none.
func (p *process) result() (last told) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.told {
		if t.Type == "result" {
			last = t
		}
	}
	return last
}

// losses is what the processes of the trial said they could not keep.
func (b *bench) losses() losses {
	all := make(losses)
	for _, p := range b.processes {
		p.mu.Lock()
		for _, t := range p.told {
			if t.Type == "warned" {
				all[t.Path] = append(all[t.Path], t.What)
			}
		}
		p.mu.Unlock()
	}
	return all
}

// ends waits until it has ended, and checks its exit code and that its result has the same.
func (p *process) ends(ctx context.Context, exit int) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return fmt.Errorf("the %s did not end: %w", p.name, context.Cause(ctx))
	}
	switch r := p.result(); {
	case p.cmd.ProcessState.ExitCode() != exit:
		return fmt.Errorf("the %s ended with %w, and %d was due", p.name, p.outcome(), exit)
	case r.Type == "" || r.Exit != exit || r.OK != (exit == exitOK):
		return fmt.Errorf("the %s ended with exit code %d and its last word says another", p.name, exit)
	case r.OK && !r.Acknowledged:
		return fmt.Errorf("the %s ended with exit code 0 without a receipt", p.name)
	}
	return nil
}

// both waits for the two sides of a delivery. Once one has ended the other has as long as
// patience says.
func (b *bench) both(ctx context.Context, recv, send *process, exit int) error {
	select {
	case <-recv.ended:
	case <-send.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.Patience, fmt.Errorf("the other side had ended %v ago", b.Patience.Round(time.Second)))
	defer cancel()
	return errors.Join(send.ends(ctx, exit), recv.ends(ctx, exit))
}
