//go:build load && linux

package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// friend is somebody with a home and a key.
type friend struct {
	site *site
	name string
	home string
	line string // of its public key
}

// friend makes one; options are those of its line, and none if nobody knows it.
func (s *site) friend(name, options string) *friend {
	s.t.Helper()
	f := &friend{site: s, name: name, home: filepath.Join(s.dir, "homes", name)}
	must(s.t, os.MkdirAll(filepath.Join(f.home, ".ssh"), 0o700))
	key := filepath.Join(f.home, ".ssh", "id_ed25519")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key).CombinedOutput(); err != nil {
		s.t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	must(s.t, err)
	f.line = strings.TrimSpace(options + " " + strings.TrimSpace(string(public)))
	if options != "" {
		s.lines = append(s.lines, f.line)
	}
	return f
}

// run is one client that runs.
type run struct {
	args   []string
	cmd    *exec.Cmd
	out    bytes.Buffer
	errs   bytes.Buffer
	began  time.Time
	ended  chan struct{}
	took   time.Duration
	result object // of its last line
}

// start runs ferry with --json.
func (f *friend) start(args ...string) (*run, error) {
	r := &run{args: args, cmd: exec.Command(f.site.ferry, append(args, "--json")...), ended: make(chan struct{}), began: time.Now()}
	r.cmd.Env = plainEnv(f.home)
	r.cmd.Dir = f.home
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.errs
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = r.cmd.Wait() // its state says how it ended
		r.took = time.Since(r.began)
		close(r.ended)
	}()
	return r, nil
}

// wait returns the exit code, -1 if the client was killed. One that hangs is ended, with
// what its goroutines did.
func (r *run) wait() int {
	select {
	case <-r.ended:
	case <-time.After(patience):
		_ = r.cmd.Process.Signal(syscall.SIGQUIT)
		<-r.ended
		fmt.Fprintf(&r.errs, "\nit still ran after %v", patience)
	}
	for line := range bytes.Lines(r.out.Bytes()) {
		var o object
		if json.Unmarshal(line, &o) == nil && o.Type == "result" {
			r.result = o
		}
	}
	return r.cmd.ProcessState.ExitCode()
}

// kill ends the client in the middle, if it is not over by then.
func (r *run) kill(after time.Duration) (hit bool) {
	select {
	case <-r.ended:
	case <-time.After(after):
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
	return r.wait() == -1
}

// do runs ferry to its end.
func (f *friend) do(args ...string) (*run, int, error) {
	r, err := f.start(args...)
	if err != nil {
		return nil, 0, err
	}
	return r, r.wait(), nil
}

// message is what the client said was wrong.
func (r *run) message() string {
	if r.result.Error != nil {
		return r.result.Error.Message
	}
	return ""
}

func (r *run) String() string {
	out := ""
	for line := range strings.Lines(r.out.String()) {
		if !strings.HasPrefix(line, `{"type":"item"`) && !strings.HasPrefix(line, `{"type":"progress"`) && len(out) < 4000 {
			out += line
		}
	}
	return fmt.Sprintf("%q: exit %d after %v: %s\n%s%.20000s", r.args, r.cmd.ProcessState.ExitCode(), r.took.Round(time.Millisecond), r.message(), out, r.errs.String())
}

// cpu is what the client took of processors.
func (r *run) cpu() time.Duration {
	return r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()
}

// to are the arguments of an upload, and from those of a download. A server that is about
// to be followed by the next one is waited for.
func (f *friend) to(at, path, source string) []string {
	return []string{"send", "--to", "ferry://" + at + "/" + path, "--wait", "5m", "--host-key", f.site.print, source}
}

func (f *friend) from(at, path, out string) []string {
	return []string{"receive", "--from", "ferry://" + at + "/" + path, "--wait", "5m", "--host-key", f.site.print, "--out", out}
}
