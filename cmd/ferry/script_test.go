package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ferry/transfer/reach/socket/sockettest"
	"ferry/transfer/tree/treetest"
)

// TestMain lets scripts run this program as the command ferry, and tests as one
// that tries what it may do once it is confined, and as one that lies.
func TestMain(m *testing.M) {
	if _, set := os.LookupEnv(findVariable); !set {
		os.Setenv(findVariable, "off") // nothing is asked on the network that this machine is on
	}
	// Scripts mostly wait, for processes and networks. A number at the command line holds.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"ferry": main, insideName: inside, liarName: liar})
}

// scriptLimit ends a script that hangs; no script comes near it.
const scriptLimit = 3 * time.Minute

// TestScript runs the scripts of testdata/script, each about one behaviour.
// They know, beside the commands of testscript:
//
//	port NAME               sets $NAME to a free address of this machine
//	exits CODE CMD ARG...   runs CMD and expects this exit code
//	signal SIG CODE TEXT CMD ARG...
//	                        runs CMD, sends SIG once it has printed TEXT, and expects this exit code;
//	                        on Windows SIG is INT, and that is Ctrl-Break
//	typing [-stdin FILE] CODE TEXT FILE -- CMD ARG...
//	                        runs CMD at a terminal and expects this exit code; types a line of
//	                        FILE each time that TEXT stands there, then the end of the input,
//	                        and leaves all that stood there in the file screen
//	bytes SIZE FILE         makes a file of that many bytes, the same in each run
//	odd DIR                 makes files with names that mislead terminals
//	sshd [SHELL]            starts sshd, see startSSHD
//	proxy NAME [FLAG...]    starts a proxy, see startProxy
//	store [DENIES|SLOW]     starts an object store, see startStore
//	objects PLACE           prints what is below s3://BUCKET/PREFIX, see listObjects
//	picky DIR               mounts a file system that refuses the names that Windows refuses
//	$ABSENT                 is what the system says of a file that is not there
//	safe                    expects no controls but newlines in what the last command printed
func TestScript(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "testdata", "script")
	scripts, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(scripts) < 10 {
		t.Fatalf("only %d scripts in %s, %v", len(scripts), dir, err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(5 * scriptLimit), // of all scripts together
		Setup: func(e *testscript.Env) error {
			// The race detector lets each process sleep a second at its end.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Setenv(findVariable, "off")
			e.Setenv("ABSENT", "no such file or directory")
			if runtime.GOOS == "windows" { // which says it in the user's language, as Wine does in its own words
				e.Setenv("ABSENT", "(The system cannot find the (file|path) specified|(File|Path) not found)")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"port": port, "exits": exits, "signal": signalled, "bytes": makeBytes, "odd": makeOdd, "safe": safe, "typing": typing, "sshd": startSSHD, "proxy": startProxy, "picky": mountPicky, "store": startStore, "objects": listObjects,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "sshd":
				return sshdProgram() != "", nil
			case "picky":
				return canMountPicky(), nil
			case "wine":
				return treetest.Wine(), nil
			case "console": // that signals come from, where they do
				return hasConsole(), nil
			case "links": // [symlink] believes Wine, which says that it makes some
				return treetest.Has(t, treetest.Links), nil
			case "modes": // permission bits that a file keeps
				return treetest.Has(t, treetest.Modes), nil
			}
			return false, errors.New("unknown condition " + cond)
		},
	})
}

func port(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	addr, err := sockettest.Address()
	ts.Check(err)
	ts.Setenv(args[0], addr)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	checkExit(ts, ts.Exec(args[1], args[2:]...), want)
}

func checkExit(ts *testscript.TestScript, err error, want int) {
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("running: %v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func signalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signal SIG CODE TEXT CMD ARG...")
	}
	sig, known := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[args[0]]
	if !known {
		ts.Fatalf("unknown signal %s", args[0])
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	path, err := exec.LookPath(args[3])
	ts.Check(err)
	cmd := exec.Command(path, args[4:]...)
	cmd.Dir, cmd.Env = ts.Getenv("WORK"), []string{"PATH=" + os.Getenv("PATH")}
	for _, name := range []string{"FERRY_CODE", findVariable, "GORACE", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	seen := &awaited{text: args[2], found: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = seen, seen
	// Open and silent, as a pipe from a slow program.
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	defer stdin.Close()
	// A signal that this process was started to ignore, as under nohup, would be
	// ignored by the command too.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, sig)
	defer signal.Stop(caught)
	interruptible(cmd)
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-seen.found:
		ts.Check(interrupt(cmd, sig))
		select {
		case err = <-ended:
		case <-time.After(scriptLimit):
			ts.Check(cmd.Process.Kill())
			ts.Fatalf("went on after the signal\n%s", seen)
		}
	case err = <-ended:
		ts.Fatalf("ended before it said %q: %v\n%s", args[2], err, seen)
	case <-time.After(scriptLimit):
		ts.Check(cmd.Process.Kill())
		ts.Fatalf("never said %q\n%s", args[2], seen)
	}
	ts.Logf("%s", seen)
	checkExit(ts, err, want)
}

// awaited closes found once text was written to it.
type awaited struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	text  string
	from  int // where in buf the text may begin
	once  sync.Once
	found chan struct{}
}

func (a *awaited) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buf.Write(p)
	if strings.Contains(a.buf.String()[a.from:], a.text) {
		a.once.Do(func() { close(a.found) })
	}
	return len(p), nil
}

// expect begins to wait for another text, that comes from now on.
func (a *awaited) expect(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.text, a.from, a.once, a.found = text, a.buf.Len(), sync.Once{}, make(chan struct{})
}

// next is closed once that came.
func (a *awaited) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.found
}

func (a *awaited) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.buf.String()
}

func makeBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bytes SIZE FILE")
	}
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	data := make([]byte, size)
	state := uint64(size) + 1
	for i := range data { // xorshift: no two chunks alike, nothing to compress
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		data[i] = byte(state >> 32)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o666))
}

func makeOdd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: odd DIR")
	}
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o777))
	made := 0
	for _, c := range odd {
		if os.WriteFile(filepath.Join(ts.MkAbs(args[0]), strings.ReplaceAll(c.raw, "/", "_")), []byte(c.raw), 0o666) == nil {
			made++
		}
	}
	if made < 5 { // some systems refuse some
		ts.Fatalf("only %d odd names could be made", made)
	}
}

func safe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: safe")
	}
	for _, name := range []string{"stdout", "stderr"} {
		if text := strings.ReplaceAll(unisolated(ts.ReadFile(name)), "\n", ""); needsEscape(text) {
			ts.Fatalf("%s has something hidden: %q", name, text)
		}
	}
}
