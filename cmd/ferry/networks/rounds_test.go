//go:build faults && linux

package networks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// campaign is one run of all families.
type campaign struct {
	binary string        // the ferry under test
	base   string        // the folder of all rounds
	shared string        // why there are no namespaces; "" if there are
	lanes  chan struct{} // bounds the rounds that run at a time
	serial atomic.Uint64 // numbers names that must differ
	book   *ledger
}

// lanes is how many rounds run at a time. They mostly wait.
const lanes = 4

// TestNetworks runs the families beside each other and prints the table.
func TestNetworks(t *testing.T) {
	base := os.Getenv(baseEnv)
	c := &campaign{
		binary: filepath.Join(base, "ferry"), base: base, shared: os.Getenv(sharedEnv),
		lanes: make(chan struct{}, lanes), book: &ledger{rows: make(map[string]*row)},
	}
	t.Cleanup(func() { fmt.Print(c.book.table()) })
	for _, f := range []struct {
		name string
		run  func(f *family)
	}{
		{"rig", rigRounds},
		{"search", searchRounds},
		{"relay", relayRounds},
		{"relay-ways", relayWayRounds},
		{"several", severalRounds},
		{"code", codeRounds},
		{"ends", endRounds},
		{"ssh", sshRounds},
		{"proxy", proxyRounds},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(&family{T: t, c: c, name: f.name})
		})
	}
}

// family is the rounds of one way between machines.
type family struct {
	*testing.T
	c    *campaign
	name string
}

// round is one network with what runs in it.
type round struct {
	*testing.T
	c   *campaign
	dir string // its own, gone when it ends
}

// play runs a round beside the others, as far as there are lanes.
func (f *family) play(name string, run func(r *round)) {
	f.Run(name, func(t *testing.T) {
		t.Parallel()
		f.c.lanes <- struct{}{}
		defer func() { <-f.c.lanes }()
		r := &round{T: t, c: f.c, dir: filepath.Join(f.c.base, fmt.Sprint("round", f.c.serial.Add(1)))}
		// Registered first, so that it runs when all else of the round is over.
		t.Cleanup(func() {
			f.c.book.enter(f.name, t)
			os.RemoveAll(r.dir)
		})
		must(t, os.Mkdir(r.dir, 0o755))
		if f.c.shared != "" {
			r.leave("%s", f.c.shared)
		}
		r.tool("ip", "nft")
		run(r)
	})
}

// leave ends the round as one that this machine cannot run.
func (r *round) leave(why string, args ...any) {
	r.Helper()
	why = fmt.Sprintf(why, args...)
	r.c.book.reasons.Store(r.Name(), why)
	r.Skip(why)
}

// tool skips the round where a program is missing.
func (r *round) tool(names ...string) {
	r.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			r.leave("%s is not installed", name)
		}
	}
}

// folder makes a folder of the round.
func (r *round) folder(name string) string {
	path := filepath.Join(r.dir, name)
	must(r, os.MkdirAll(path, 0o755))
	return path
}

// file makes a file of the round, and returns its path.
func (r *round) file(name string, content []byte) string {
	path := filepath.Join(r.dir, name)
	must(r, os.MkdirAll(filepath.Dir(path), 0o755))
	must(r, os.WriteFile(path, content, 0o644))
	return path
}

// do runs a command of the test itself.
func (r *round) do(name string, args ...string) {
	r.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		r.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// ledger counts what became of the rounds.
type ledger struct {
	mu      sync.Mutex
	order   []string
	rows    map[string]*row
	notes   []string
	reasons sync.Map // test name → why it was skipped
}

type row struct {
	held, failed int
	skipped      map[string]int
}

// note adds a line to what is printed at the end, as for something that was measured.
func (r *round) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	r.Log(line)
	l := r.c.book
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, strings.TrimPrefix(r.Name(), "TestNetworks/")+": "+line)
}

func (l *ledger) enter(family string, t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rows[family]
	if r == nil {
		r = &row{skipped: make(map[string]int)}
		l.rows[family], l.order = r, append(l.order, family)
	}
	switch {
	case t.Failed():
		r.failed++
	case t.Skipped():
		why, _ := l.reasons.Load(t.Name())
		r.skipped[fmt.Sprint(why)]++
	default:
		r.held++
	}
}

// table is for people, and its last line for programs.
func (l *ledger) table() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-10s %7s %7s %7s\n", "family", "held", "skipped", "failed")
	var held, skipped, failed int
	for _, name := range l.order {
		r := l.rows[name]
		n := 0
		for _, count := range r.skipped {
			n += count
		}
		fmt.Fprintf(&b, "%-10s %7d %7d %7d\n", name, r.held, n, r.failed)
		for why, count := range r.skipped {
			fmt.Fprintf(&b, "    %d skipped: %s\n", count, why)
		}
		held, skipped, failed = held+r.held, skipped+n, failed+r.failed
	}
	for _, line := range l.notes {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	fmt.Fprintf(&b, "networks: %d held, %d skipped, %d failed\n", held, skipped, failed)
	return b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
