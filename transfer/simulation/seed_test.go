package simulation

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/internal/flow"
)

// Sender and receiver run in one process over a simulated network and disk, in
// virtual time, with faults that a seed decides. The order in which goroutines
// run is not decided by it: a seed that failed may have to be run several times.
var (
	simFirst  = flag.Uint64("sim.first", 1, "first seed of TestSimulation")
	simSeeds  = flag.Uint64("sim.seeds", 0, "number of seeds of TestSimulation; 0 is as many as fit in -sim.time")
	simBudget = flag.Duration("sim.time", 25*time.Second, "how long TestSimulation takes without -sim.seeds")
)

// simLimit is what a seed may take, of real time. In virtual time a deadlock is
// seen at once, unless somebody waits for a lock.
const simLimit = 2 * time.Minute

// simUnderWay is the most that may be under way at a time, in bytes: the credit of
// a delivery over so many streams, with the overhead of TLS and the frames that cost
// none. The credit is 8 MiB, and 16 where a round trip is measured to take flow.LongPath.
func simUnderWay(line simLine, streams int) int64 {
	most := 10<<20 + int64(streams-1)<<20
	var sent time.Duration // how long a segment takes
	if line.rate > 0 {
		sent = time.Duration(line.segment) * time.Second / time.Duration(line.rate)
	}
	if 2*(line.latency+line.jitter+sent) >= flow.LongPath {
		most += 8 << 20
	}
	return most
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// restarts tells whether a process may end in an error, so that it has to be
// started again.
func (p *simPlan) restarts() bool {
	return p.class != classClean && p.class != classNetwork && p.class != classOutput
}

// changes tells whether sources change.
func (p *simPlan) changes() bool {
	return slices.ContainsFunc(p.faults, func(f *simFault) bool { return f.what == faultSource })
}

// happened counts the faults that did.
func (p *simPlan) happened() (n int) {
	for _, f := range p.faults {
		if f.fired.Load() {
			n++
		}
	}
	return n
}

func TestSimulation(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the source trees have links and modes")
	}
	shared := make(map[*simShape]*simTree)
	root := t.TempDir()
	for i := range simShapes {
		shared[&simShapes[i]] = grow(t, filepath.Join(root, fmt.Sprint(i)), &simShapes[i])
	}
	began := time.Now()
	var next, ran atomic.Uint64
	var mu sync.Mutex
	faults, pulls := make(map[string]int), 0
	t.Run("seeds", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for {
					n := next.Add(1) - 1
					if *simSeeds > 0 && n >= *simSeeds || *simSeeds == 0 && time.Since(began) > *simBudget {
						return
					}
					plan := newPlan(*simFirst + n)
					runSeed(t, root, plan, shared[plan.shape])
					ran.Add(1)
					mu.Lock()
					for _, f := range plan.faults {
						switch {
						case !f.fired.Load():
						case f == plan.ask.cut:
							faults[f.what.String()+" of a deletion"]++
						default:
							faults[f.what.String()]++
						}
					}
					if plan.ask.pull {
						pulls++
					}
					mu.Unlock()
				}
			})
		}
	})
	var told []string
	for _, name := range sortedKeys(faults) {
		told = append(told, fmt.Sprintf("%d × %s", faults[name], name))
	}
	t.Logf("%d seeds from %d, %d asked for by the receiver; faults: %s", ran.Load(), *simFirst, pulls, strings.Join(told, ", "))
}

// runSeed runs a plan and, if it fails in whatever way, tells how to repeat it.
func runSeed(t *testing.T, root string, plan *simPlan, source *simTree) {
	temp := filepath.Join(root, fmt.Sprint("seed", plan.seed))
	deliverytest.Must(t, os.Mkdir(temp, 0o755))
	defer os.RemoveAll(temp) // what is left goes with root
	if plan.changes() {
		source = grow(t, filepath.Join(temp, "source"), plan.shape)
	}
	told := func() string {
		return fmt.Sprintf("seed %d failed; to repeat it:\n\tgo test ./transfer/simulation -run 'TestSimulation' -count=1 -sim.first=%d -sim.seeds=1\n%v", plan.seed, plan.seed, plan)
	}
	watch := time.AfterFunc(simLimit, func() {
		debug.SetTraceback("all")
		panic(told() + "it did not end")
	})
	ended := false
	defer func() {
		watch.Stop()
		if !ended {
			fmt.Fprintln(os.Stderr, told())
		}
	}()
	synctest.Test(t, func(t *testing.T) { simulate(t, plan, source, temp) })
	ended = true
}
