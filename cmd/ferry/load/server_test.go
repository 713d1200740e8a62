//go:build load && linux

package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is far beyond what anything here takes. It is a bound on a test, not a promise
// of ferry.
const patience = 8 * time.Minute

// site is where servers run: one root, one file of keys, one host key.
type site struct {
	t     *testing.T
	dir   string
	ferry string
	root  string   // folder, or s3://...
	env   []string // beside the plain one, of the servers
	flags []string // of serve
	print string   // of the host key, once a server has told it

	keysMu sync.Mutex // held by who changes the file of keys, or needs it unchanged
	lines  []string   // of that file
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, ferry := place(t)
	s := &site{t: t, dir: dir, ferry: ferry, root: filepath.Join(dir, "root")}
	must(t, os.Mkdir(s.root, 0o755))
	return s
}

// plainEnv is that of all programs here.
func plainEnv(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "FERRY_FIND=off", "TMPDIR=" + os.TempDir(), "GOTRACEBACK=all"}
}

func (s *site) authorized() string { return filepath.Join(s.dir, "authorized_keys") }

// writeKeys writes the file of keys, whole or not at all.
func (s *site) writeKeys(more ...string) error {
	all := append(append([]string{"# of a test"}, s.lines...), more...)
	next := s.authorized() + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(all, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.authorized())
}

// object is what is looked at of a line of --json.
type object struct {
	Type        string
	Addresses   []string
	Fingerprint string
	Metrics     string
	Direction   string
	Key         string
	Cause       string
	Times       int
	OK          bool
	Exit        int
	Receipt     string
	Delivered   int64
	Moved       int64
	Error       *struct{ Code, Message string }
}

// server is one process of ferry serve.
type server struct {
	site    *site
	cmd     *exec.Cmd
	address string
	metrics string
	ended   chan struct{}
	errs    *os.File

	mu      sync.Mutex
	cond    *sync.Cond
	keys    int            // times that keys were read again
	kept    int            // of which the old ones were kept
	audit   map[string]int // deliveries by direction and exit
	refused map[string]int // by cause
	closed  bool
	asked   bool // the test ended it
}

// serve starts a server at an address. It may be one that another process has just left.
func (s *site) serve(address string) (*server, error) {
	v := &server{site: s, ended: make(chan struct{}), audit: make(map[string]int), refused: make(map[string]int)}
	v.cond = sync.NewCond(&v.mu)
	args := append([]string{"serve", "--json", "--root", s.root, "--authorized-keys", s.authorized(), "--host-key", filepath.Join(s.dir, "host_key"),
		"--listen", address, "--metrics", "127.0.0.1:0"}, s.flags...)
	v.cmd = exec.Command(s.ferry, args...)
	v.cmd.Env = append(plainEnv(s.dir), s.env...)
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if v.errs, err = os.OpenFile(filepath.Join(s.dir, "server.err"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	v.cmd.Stderr = v.errs
	objects, into, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	v.cmd.Stdout = into
	err = v.cmd.Start()
	_ = into.Close()
	if err != nil {
		return nil, err
	}
	ready := make(chan object, 1)
	go v.listen(objects, ready)
	go func() {
		_ = v.cmd.Wait() // its state says how it ended
		close(v.ended)
	}()
	s.t.Cleanup(func() { v.end(syscall.SIGKILL); <-v.ended })
	select {
	case o := <-ready:
		v.address, v.metrics, s.print = o.Addresses[0], o.Metrics, o.Fingerprint
		return v, nil
	case <-v.ended:
	case <-time.After(patience):
	}
	return nil, fmt.Errorf("no server at %s: %v: %s", address, v.cmd.ProcessState, v.said())
}

// said is the end of what servers said to people.
func (v *server) said() string {
	b, _ := os.ReadFile(v.errs.Name())
	return string(b[max(0, len(b)-4000):])
}

func (v *server) listen(objects *os.File, ready chan<- object) {
	lines := bufio.NewScanner(objects)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o object
		if json.Unmarshal(lines.Bytes(), &o) != nil {
			continue
		}
		v.mu.Lock()
		switch o.Type {
		case "listening":
			ready <- o
		case "keys":
			v.keys++
			if o.Error != nil {
				v.kept++
			}
		case "delivery":
			v.audit[fmt.Sprint(o.Direction, " ", o.Exit)]++
		case "refused":
			v.refused[o.Cause] += o.Times
		}
		v.cond.Broadcast()
		v.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, objects)
	_ = objects.Close()
	v.mu.Lock()
	v.closed = true
	v.cond.Broadcast()
	v.mu.Unlock()
}

// end sends a signal that the server ends by.
func (v *server) end(sig syscall.Signal) {
	v.mu.Lock()
	v.asked = true
	v.mu.Unlock()
	_ = v.cmd.Process.Signal(sig)
}

// died tells whether the server ended though nobody asked for it.
func (v *server) died() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	select {
	case <-v.ended:
		return !v.asked
	default:
		return false
	}
}

// reread has the server read its keys again, and waits until it has. It is false if the
// server ended.
func (v *server) reread() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.keys
	_ = v.cmd.Process.Signal(syscall.SIGHUP)
	for v.keys == before && !v.closed {
		v.cond.Wait()
	}
	return !v.closed
}

// drain has the server end, and returns when its port is free.
func (v *server) drain() {
	v.end(syscall.SIGTERM)
	for {
		ln, err := net.Listen("tcp", v.address)
		if err == nil {
			_ = ln.Close()
			return
		}
		select {
		case <-v.ended:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// served is how many deliveries of a direction ended with 0.
func (v *server) served(direction string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.audit[direction+" 0"]
}

// tell is what the audit had.
func (v *server) tell() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return fmt.Sprintf("deliveries %v, refused %v, keys read %d times, of which %d kept the old", v.audit, v.refused, v.keys, v.kept)
}
