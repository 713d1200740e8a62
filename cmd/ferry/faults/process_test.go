//go:build faults && linux

package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is far beyond what any delivery here takes: a process that takes
// longer hangs. It is a bound on a test, not a promise of ferry.
const patience = 4 * time.Minute

// side says how one ferry is run.
type side struct {
	wrapper []string // a command that runs it, such as strace
	flags   []string
	env     []string
	uid     uint32
	netns   string    // name of a network namespace, "" for ours
	stdin   io.Reader // of send -
	stdout  io.Writer // of receive --out -
}

// told is an object of --json, as far as the tests look at it.
type told struct {
	Type      string
	Path      string
	Base64    string `json:"path_b64"` // the exact bytes of a path that is no UTF-8
	NewName   string `json:"new_name"`
	NewBase64 string `json:"new_name_b64"`
	Kind      string
	Status    string
	Size      int64
	Digest    string
	What      string
	Addresses []string
	Message   string
	Cause     string
	OK        bool
	Exit      int
	Delivered int64
	Deleted   int64
	Failed    int64
	Moved     int64
	Reused    int64
	Durable   bool
	Lost      []struct {
		What  string
		Items int64
		Cause string
	}
	Error struct{ Message, Hint string }
}

// process is a ferry that runs.
type process struct {
	r     *round
	name  string
	cmd   *exec.Cmd
	ended chan struct{}
	began time.Time

	mu     sync.Mutex
	cond   *sync.Cond
	told   []told
	stderr bytes.Buffer
	closed bool // no more is told
	took   time.Duration
}

// ending is how a process ended.
type ending struct {
	name   string
	exit   int // -1 if it was killed
	result told
	all    []told
	stderr string
	took   time.Duration
}

// run starts ferry with --json.
func (r *round) run(s side, args ...string) *process {
	r.Helper()
	argv := append(append([]string{}, s.wrapper...), r.c.binary)
	if s.netns != "" {
		argv = append(enter(s.netns), argv...)
	}
	argv = append(append(argv, args...), "--json")
	p := &process{r: r, name: args[0], cmd: exec.Command(argv[0], append(argv[1:], s.flags...)...), ended: make(chan struct{})}
	p.cond = sync.NewCond(&p.mu)
	p.cmd.Dir = r.dir
	p.cmd.Env = append(append(os.Environ(), "FERRY_CODE="+code), s.env...)
	p.cmd.Stdin = s.stdin
	// A group of its own, so that a wrapper and its ferry end together.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.uid != 0 {
		p.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.uid, Gid: s.uid}
	}
	objects, into := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = into, &locked{p}
	if s.stdout != nil { // the objects go to standard error then
		p.cmd.Stdout, p.cmd.Stderr = s.stdout, io.MultiWriter(into, &locked{p})
	}
	go p.listen(objects)
	p.began = time.Now()
	must(r, p.cmd.Start())
	r.processes = append(r.processes, p)
	go func() {
		_ = p.cmd.Wait() // its state says how it ended
		p.took = time.Since(p.began)
		_ = into.Close()
		close(p.ended)
	}()
	r.Cleanup(func() { p.kill(); <-p.ended })
	return p
}

// code pairs all deliveries: each has an address of its own.
const code = "1-0123456789abcdef0123456789abcdef"

// locked collects standard error.
type locked struct{ p *process }

func (l *locked) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.p.stderr.Write(b)
}

func (p *process) listen(objects *io.PipeReader) {
	lines := bufio.NewScanner(objects)
	lines.Buffer(nil, mib)
	for lines.Scan() {
		var t told
		if json.Unmarshal(lines.Bytes(), &t) != nil {
			continue // a wrapper's own words
		}
		p.mu.Lock()
		p.told = append(p.told, t)
		p.cond.Broadcast()
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, objects)
	p.mu.Lock()
	p.closed = true
	p.cond.Broadcast()
	p.mu.Unlock()
}

// says waits for an object of a type; ok is false if the process ended without.
func (p *process) says(kind string) (t told, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for _, t := range p.told {
			if t.Type == kind {
				return t, true
			}
		}
		if p.closed {
			return told{}, false
		}
		p.cond.Wait()
	}
}

// met reports whether the other side has proved the code by now.
func (p *process) met() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.told, func(t told) bool { return t.Type == "connected" })
}

// address is where a listening side listens, "" if it ended before.
func (p *process) address() string {
	t, ok := p.says("listening")
	if !ok || len(t.Addresses) == 0 {
		return ""
	}
	return t.Addresses[0]
}

// signal reaches ferry and, if there is one, its wrapper.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

func (p *process) kill() { p.signal(syscall.SIGKILL) }

// dump ends a process that hangs, and shows what its goroutines did.
func (p *process) dump() {
	p.r.Helper()
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGQUIT)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.kill()
		<-p.ended
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.r.Logf("%s, %v after its start: %.30000s", p.name, p.took, p.stderr.String())
}

// wait returns how the process ended. One that does not end is a failure, shown
// with what its goroutines do.
func (p *process) wait() ending { return p.within(patience) }

func (p *process) within(limit time.Duration) ending {
	p.r.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		// What the other one waits for tells as much.
		for _, q := range p.r.processes {
			q.dump()
		}
		p.r.Fatalf("%s still ran after %v", p.name, limit)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed {
		p.cond.Wait()
	}
	e := ending{name: p.name, exit: p.cmd.ProcessState.ExitCode(), all: p.told, stderr: p.stderr.String(), took: p.took}
	for _, t := range p.told {
		if t.Type == "result" {
			e.result = t
		}
	}
	if strings.Contains(e.stderr, "panic:") || strings.Contains(e.stderr, "fatal error:") || e.exit == 2 && e.result.Type == "" && !e.explained() {
		p.r.Errorf("%s broke down: %.8000s", p.name, e.stderr)
	}
	return e
}

// mute: no look at anything came through, standard output among it, so that nothing
// was said there.
func (e ending) mute() bool {
	return len(e.all) == 0 && strings.Contains(e.stderr, "ferry: ") && strings.Contains(e.stderr, "input/output error")
}

// explained: a failure has a cause. One whose standard output cannot be looked at says
// it on standard error.
func (e ending) explained() bool {
	if e.mute() {
		return true
	}
	return e.result.Type != "" && !e.result.OK && e.result.Error.Message != ""
}

// advised: a failure has a next step, unless nothing that ferry knows of mends it.
func (e ending) advised() bool {
	vain := e.mute()
	for _, t := range e.all {
		if t.Type == "failed" {
			vain = slices.Contains([]string{"name refused", "not supported", "a different item exists"}, t.Cause)
			if !vain {
				break
			}
		}
	}
	return vain || e.result.Error.Hint != ""
}

// leaves reports whether it was said that something in ferry's own folder stays.
func (e ending) leaves() bool {
	return slices.ContainsFunc(e.all, func(t told) bool { return t.Type == "notice" && stateful(t.Path) })
}

func (e ending) String() string {
	return fmt.Sprintf("%s: exit %d after %v, %q, hint %q %s", e.name, e.exit, e.took.Round(time.Millisecond), e.result.Error.Message,
		e.result.Error.Hint, strings.TrimSpace(e.stderr))
}

// failures are the items that were said not to be delivered.
func (e ending) failures() (text string) {
	for _, t := range e.all {
		if t.Type == "failed" {
			text += t.Path + ": " + t.Cause + ": " + t.Message + "\n"
		}
	}
	return text
}
