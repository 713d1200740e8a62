//go:build faults && linux

package networks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is far beyond what a round takes: a process that takes longer hangs.
const patience = 3 * time.Minute

// call says how a program is run on a machine.
type call struct {
	on    *machine
	env   []string // added to that of the test, from which FERRY_… is taken
	stdin io.Reader
	dir   string // the round's if ""
}

// process is a program that runs.
type process struct {
	r     *round
	cmd   *exec.Cmd
	began time.Time
	ended chan struct{}

	mu     sync.Mutex
	cond   *sync.Cond
	lines  []line
	stderr bytes.Buffer
	closed bool
	took   time.Duration
}

// line is one of standard output.
type line struct {
	text string
	at   time.Duration // after the start
}

// ending is how a process ended.
type ending struct {
	exit   int // -1 if it was killed
	stdout string
	stderr string
	took   time.Duration
}

// result is the object that ends --json, as far as the rounds look at it.
type result struct {
	Type    string
	OK      bool
	Exit    int
	Path    string
	Moved   int64
	Resent  int64
	Streams int
	Error   struct{ Message, Hint, Code string }
}

// ferry starts ferry on a machine. Its objects are to be had with --json in args.
func (c call) ferry(args ...string) *process {
	c.on.r.Helper()
	return c.start(append([]string{c.on.r.c.binary}, args...)...)
}

// start starts any program on a machine.
func (c call) start(argv ...string) *process {
	r := c.on.r
	r.Helper()
	argv = c.on.enter(argv...)
	p := &process{r: r, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cond = sync.NewCond(&p.mu)
	p.cmd.Dir = c.dir
	if c.dir == "" {
		p.cmd.Dir = r.dir
	}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "FERRY_") {
			p.cmd.Env = append(p.cmd.Env, e)
		}
	}
	p.cmd.Env = append(p.cmd.Env, c.env...)
	p.cmd.Stdin = c.stdin
	// A group of its own, so that all it starts ends with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, into := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = into, &locked{p}
	go p.listen(out)
	p.began = time.Now()
	must(r, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // its state says how it ended
		p.took = time.Since(p.began)
		_ = into.Close()
		close(p.ended)
	}()
	r.Cleanup(func() { p.kill(); <-p.ended })
	return p
}

// locked collects standard error.
type locked struct{ p *process }

func (l *locked) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.p.cond.Broadcast()
	return l.p.stderr.Write(b)
}

func (p *process) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, line{lines.Text(), time.Since(p.began)})
		p.cond.Broadcast()
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, out)
	p.mu.Lock()
	p.closed = true
	p.cond.Broadcast()
	p.mu.Unlock()
}

// says waits for a line of standard output that contains text; ok is false if the process
// ended without, or says nothing of it for a minute.
func (p *process) says(text string) (l line, ok bool) {
	late := false
	timer := time.AfterFunc(time.Minute, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		late = true
		p.cond.Broadcast()
	})
	defer timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for _, l := range p.lines {
			if strings.Contains(l.text, text) {
				return l, true
			}
		}
		if p.closed || late {
			return line{}, false
		}
		p.cond.Wait()
	}
}

// said is what the program has printed so far, for a round that failed.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, l := range p.lines {
		fmt.Fprintf(&b, "%v %s\n", l.at.Round(time.Millisecond), l.text)
	}
	return b.String() + p.stderr.String()
}

// signal reaches the program and all that it started.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

func (p *process) kill() { p.signal(syscall.SIGKILL) }

// wait returns how the process ended. One that does not end is a failure, shown with what
// its goroutines do.
func (p *process) wait() ending {
	p.r.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT)
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			p.kill()
			<-p.ended
		}
		p.r.Fatalf("%v still ran after %v: %.20000s", p.cmd.Args, patience, p.stderr.String())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed {
		p.cond.Wait()
	}
	e := ending{exit: p.cmd.ProcessState.ExitCode(), stderr: p.stderr.String(), took: p.took}
	for _, l := range p.lines {
		e.stdout += l.text + "\n"
	}
	if strings.Contains(e.stderr, "panic:") || strings.Contains(e.stderr, "DATA RACE") {
		p.r.Errorf("it broke down: %.8000s", e.stderr)
	}
	return e
}

// result is the last object of --json.
func (e ending) result() (last result) {
	for text := range strings.Lines(e.stdout) {
		var r result
		if json.Unmarshal([]byte(text), &r) == nil && r.Type == "result" {
			last = r
		}
	}
	return last
}
