//go:build faults && linux

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tracer makes system calls of one ferry fail, stall or kill it.
type tracer struct {
	r   *round
	log string
}

// trace returns a tracer, or skips the round where strace cannot work.
func (r *round) trace() *tracer {
	r.Helper()
	r.tool("strace")
	if out, err := exec.Command("strace", "-f", "-q", "-o", filepath.Join(r.dir, "probe"),
		"-e", "trace=getppid", "true").CombinedOutput(); err != nil {
		r.leave("strace cannot trace here: %v %s", err, firstLine(string(out)))
	}
	return &tracer{r: r, log: filepath.Join(r.dir, fmt.Sprint("trace", r.c.serial.Add(1)))}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// inject is a wrapper after strace(1)'s -e inject: calls is a list, fault as in
// "error=EIO:when=3". When counts in each thread. Only calls on paths are meant,
// if there are any.
func (t *tracer) inject(calls, fault string, paths ...string) []string {
	// Not with --seccomp-bpf: strace 6.1 then sends the first signal and no later one.
	// Go's scheduler reads the limits of its cgroup now and then, in a way that holds up
	// all of the process: no fault of a disk is to hit that.
	argv := []string{"strace", "-f", "-q", "-E", "GODEBUG=containermaxprocs=0,updatemaxprocs=0", "-o", t.log, "-e", "trace=" + calls, "-e", "inject=" + calls + ":" + fault}
	for _, p := range paths {
		argv = append(argv, "-P", p)
	}
	return argv
}

// happened reports whether a call was hit, and notes it.
func (t *tracer) happened() bool {
	t.r.Helper()
	b, err := os.ReadFile(t.log)
	if err != nil {
		return false
	}
	text := string(b)
	hit := strings.Contains(text, "(INJECTED)") || strings.Contains(text, "(DELAYED)") ||
		strings.Contains(text, "killed by SIGKILL") || strings.Contains(text, "stopped by SIGSTOP")
	if hit {
		t.r.hit()
	}
	return hit
}

// hits are the lines of the calls that were hit.
func (t *tracer) hits() (lines []string) {
	b, err := os.ReadFile(t.log)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "(INJECTED)") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// sweep plays a round for the first call, the second, and so on, until none is
// left: strace counts in each thread, so that one call that is not met proves
// little, and several in a row end it.
func (f *family) sweep(name string, run func(r *round, when int)) {
	const misses, most = 2, 60
	missed := 0
	for when := 1; when <= most && missed < misses; when++ {
		if f.play(fmt.Sprintf("%s_%d", name, when), func(r *round) { run(r, when) }) {
			missed = 0
		} else {
			missed++
		}
	}
}
