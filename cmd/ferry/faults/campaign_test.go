//go:build faults && linux

package faults

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// campaign is one run of all families.
type campaign struct {
	binary  string // the ferry under test
	scratch string // where disks and trees are made
	shared  string // why mounts and interfaces are not ours to change; "" if they are
	seed    uint64
	rounds  int // multiplies the rounds of each family
	book    *ledger
	// lanes bounds the rounds that keep a processor busy: more would only make
	// each of them slow, and ferry's limits on strangers are in seconds.
	lanes chan struct{}
	// serial numbers names that must differ.
	serial atomic.Uint64
}

// TestFaults runs the families beside each other and prints the table.
func TestFaults(t *testing.T) {
	base := os.Getenv(baseEnv)
	c := &campaign{
		binary: binaryIn(base), scratch: filepath.Join(base, "scratch"), shared: os.Getenv(sharedEnv),
		seed: number(t, "FERRY_FAULT_SEED"), rounds: int(number(t, "FERRY_FAULT_ROUNDS")),
		book:  &ledger{rows: make(map[string]*row)},
		lanes: make(chan struct{}, runtime.NumCPU()+1),
	}
	t.Cleanup(func() { fmt.Print(c.book.table(c.seed)) })
	for _, f := range []struct {
		name string
		run  func(f *family)
	}{
		{"power", power}, {"inject", inject}, {"space", space}, {"kill", kill}, {"slow", slow},
		{"sources", sources}, {"together", together}, {"journal", journal}, {"network", network},
		{"targets", targets}, {"refusals", refusals}, {"store", store},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(&family{T: t, c: c, name: f.name})
		})
	}
}

// number is a count of the environment, 1 if it is not set.
func number(t *testing.T, name string) uint64 {
	text, set := os.LookupEnv(name)
	if !set {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		t.Fatalf("%s=%q is no count from 1", name, text)
	}
	return n
}

// family is the rounds of one kind of fault.
type family struct {
	*testing.T
	c    *campaign
	name string
}

// round is one fault in one delivery. What is random comes from Rand, which the
// round's name and the seed settle.
type round struct {
	*testing.T
	*rand.Rand
	c      *campaign
	dir    string // its own, gone when it ends
	struck atomic.Bool
	// processes are all that the round started; only the round's goroutine starts any.
	processes []*process
}

// hit notes that the fault happened.
func (r *round) hit() { r.struck.Store(true) }

// missed notes that the fault came too late for what it was to hit.
func (r *round) missed() { r.struck.Store(false) }

// play runs one round and reports whether its fault happened.
func (f *family) play(name string, run func(r *round)) (hit bool) {
	f.Run(name, func(t *testing.T) {
		f.c.lanes <- struct{}{}
		defer func() { <-f.c.lanes }()
		hit = f.round(t, run)
	})
	return hit
}

// beside runs a round beside the others of its family, as far as there are lanes.
func (f *family) beside(name string, run func(r *round)) {
	f.Run(name, func(t *testing.T) {
		t.Parallel()
		f.c.lanes <- struct{}{}
		defer func() { <-f.c.lanes }()
		f.round(t, run)
	})
}

// aside runs a round that mostly waits, beside the others.
func (f *family) aside(name string, run func(r *round)) {
	f.Run(name, func(t *testing.T) {
		t.Parallel()
		f.round(t, run)
	})
}

func (f *family) round(t *testing.T, run func(r *round)) bool {
	h := fnv.New64a()
	fmt.Fprint(h, t.Name())
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], f.c.seed)
	binary.LittleEndian.PutUint64(seed[8:], h.Sum64())
	r := &round{T: t, Rand: rand.New(rand.NewChaCha8(seed)), c: f.c,
		dir: filepath.Join(f.c.scratch, fmt.Sprint("round", f.c.serial.Add(1)))}
	// Registered first, so that it runs when all else of the round is over.
	t.Cleanup(func() {
		f.c.book.enter(f.name, t, r.struck.Load())
		if t.Failed() {
			t.Logf("to repeat it: FERRY_FAULT_SEED=%d go test -tags faults -count=1 -v -run '%s' ./cmd/ferry/faults",
				f.c.seed, pattern(t.Name()))
		}
		os.RemoveAll(r.dir)
	})
	must(t, os.Mkdir(r.dir, 0o755))
	run(r)
	return r.struck.Load()
}

// pattern is a -run that matches one subtest.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + strings.NewReplacer("+", `\+`, ".", `\.`, "(", `\(`, ")", `\)`).Replace(p) + "$"
	}
	return strings.Join(parts, "/")
}

// folder makes a folder of the round.
func (r *round) folder(name string) string {
	path := filepath.Join(r.dir, name)
	must(r, os.MkdirAll(path, 0o755))
	return path
}

// leave ends the round as one that this machine cannot run.
func (r *round) leave(why string, args ...any) {
	r.Helper()
	why = fmt.Sprintf(why, args...)
	r.c.book.leave(r.T, why)
	r.Skip(why)
}

// own skips the round where mounts and interfaces are not ours.
func (r *round) own() {
	r.Helper()
	if r.c.shared != "" {
		r.leave("%s", r.c.shared)
	}
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
	reasons sync.Map // test name → why it was skipped
	notes   map[string][]string
}

type row struct {
	injected, survived, missed, failed int
	skipped                            map[string]int
}

// note adds lines below a row that is printed at the end.
func (l *ledger) note(row string, lines ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.notes == nil {
		l.notes = make(map[string][]string)
	}
	l.notes[row] = append(l.notes[row], lines...)
}

func (l *ledger) leave(t *testing.T, why string) { l.reasons.Store(t.Name(), why) }

func (l *ledger) enter(family string, t *testing.T, struck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rows[family]
	if r == nil {
		r = &row{skipped: make(map[string]int)}
		l.rows[family], l.order = r, append(l.order, family)
	}
	if t.Skipped() && !t.Failed() {
		why, _ := l.reasons.Load(t.Name())
		r.skipped[fmt.Sprint(why)]++
		return
	}
	if struck {
		r.injected++
	}
	switch {
	case t.Failed():
		r.failed++
	case struck:
		r.survived++
	default:
		r.missed++
	}
}

// table is for people, and its last line for programs.
func (l *ledger) table(seed uint64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "\nseed %d\n%-10s %9s %9s %7s %7s %7s\n", seed, "family", "injected", "survived", "missed", "skipped", "failed")
	var sum row
	skipped := 0
	for _, name := range l.order {
		r := l.rows[name]
		n := 0
		for _, count := range r.skipped {
			n += count
		}
		fmt.Fprintf(&b, "%-10s %9d %9d %7d %7d %7d\n", name, r.injected, r.survived, r.missed, n, r.failed)
		for why, count := range r.skipped {
			fmt.Fprintf(&b, "    %d skipped: %s\n", count, why)
		}
		sum.injected, sum.survived = sum.injected+r.injected, sum.survived+r.survived
		sum.missed, sum.failed, skipped = sum.missed+r.missed, sum.failed+r.failed, skipped+n
	}
	for _, row := range slices.Sorted(maps.Keys(l.notes)) {
		fmt.Fprintf(&b, "%s\n", row)
		slices.Sort(l.notes[row])
		for _, line := range l.notes[row] {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	fmt.Fprintf(&b, "faults: %d injected, %d survived, %d missed, %d skipped, %d failed\n",
		sum.injected, sum.survived, sum.missed, skipped, sum.failed)
	return b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
