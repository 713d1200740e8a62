package hostile

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer"
)

// A peer that has the code sends valid frames in an order that a seed decides, to a
// live receiver (hostile_random_sender_test.go) and a live sender
// (hostile_random_receiver_test.go), in virtual time. The order in which goroutines
// run is not decided by the seed: one that failed may have to be run several times.
var (
	hostileFirst = flag.Uint64("hostile.first", 1, "first seed of TestHostileRandom…")
	hostileSeeds = flag.Uint64("hostile.seeds", 0, "number of seeds of each; 0 is as many as fit in -hostile.time")
	hostileTime  = flag.Duration("hostile.time", 4*time.Second, "how long each takes without -hostile.seeds")
)

// hostileMemory is what both ends of a run may allocate in all, in bytes: a random
// peer has more chunks on their way than a scripted one.
const hostileMemory = 512 << 20

// move is one thing that a random peer may do.
type move struct {
	weight int // of the sum of weights, how often
	do     func()
}

// chooser makes the choices of one seed.
type chooser struct {
	*rand.Rand
	// rude is a peer that breaks rules now and then. The others come further.
	rude bool
}

func newChooser(seed, stream uint64) chooser {
	return chooser{rand.New(rand.NewPCG(seed, stream)), seed%3 == 0}
}

// oneIn is true once in n calls, about.
func (c chooser) oneIn(n int) bool { return c.IntN(n) == 0 }

// slips is oneIn for what breaks a rule.
func (c chooser) slips(n int) bool { return c.rude && c.oneIn(n) }

// rarely is do once in n calls, about; slip likewise, of what breaks a rule.
func (c chooser) rarely(n int, do func()) func() {
	return func() {
		if c.oneIn(n) {
			do()
		}
	}
}

func (c chooser) slip(n int, do func()) func() {
	return func() {
		if c.slips(n) {
			do()
		}
	}
}

func (c chooser) size(sizes ...uint64) uint64 { return pick(c, sizes) }

func pick[T any](c chooser, of []T) T { return of[c.IntN(len(of))] }

// step makes one of the moves.
func (c chooser) step(moves []move) {
	sum := 0
	for _, m := range moves {
		sum += m.weight
	}
	n := c.IntN(sum)
	for _, m := range moves {
		if n -= m.weight; n < 0 {
			m.do()
			return
		}
	}
}

// noise is a body that is no frame's.
func (c chooser) noise() []byte {
	b := make([]byte, c.IntN(30))
	for i := range b {
		b[i] = byte(c.Uint32())
	}
	return b
}

// seedLimit is what a seed may take, of real time. In virtual time a deadlock is
// seen at once; this is for a goroutine that spins.
const seedLimit = 2 * time.Minute

// campaign runs seeds until the flags say that it is enough, and tells how the
// deliveries ended. A seed that fails prints the command that repeats it.
func campaign(t *testing.T, run func(t *testing.T, seed uint64) (ended error)) {
	began := time.Now()
	ends := make(map[string]int)
	seed := *hostileFirst
	for ; !enough(seed-*hostileFirst, began); seed++ {
		told := fmt.Sprintf("seed %d failed; to repeat it:\n\tgo test ./transfer/hostile -run '^%s$' -count=1 -hostile.first=%d -hostile.seeds=1\n", seed, t.Name(), seed)
		watch := time.AfterFunc(seedLimit, func() {
			debug.SetTraceback("all")
			panic(told + "it did not end")
		})
		ok := false
		func() {
			defer func() {
				watch.Stop()
				if !ok {
					fmt.Fprint(os.Stderr, told) // also of a panic
				}
			}()
			synctest.Test(t, func(t *testing.T) { ends[ending(run(t, seed))]++ })
			ok = !t.Failed()
		}()
		if !ok {
			t.FailNow()
		}
	}
	t.Logf("%d seeds from %d; ends: %v", seed-*hostileFirst, *hostileFirst, ends)
	if len(ends) < 3 && seed-*hostileFirst > 100 {
		t.Error("the peer comes nowhere: nearly all deliveries ended alike")
	}
}

func enough(ran uint64, began time.Time) bool {
	if *hostileSeeds > 0 {
		return ran >= *hostileSeeds
	}
	return ran > 0 && time.Since(began) > *hostileTime
}

// ending is the kind of a delivery's end, for the table.
func ending(err error) string {
	var e *transfer.Error
	switch {
	case err == nil:
		return "complete"
	case errors.Is(err, transfer.ErrIncomplete):
		return "incomplete"
	case errors.As(err, &e):
		return strings.ReplaceAll(fmt.Sprint(e.Code), " ", "-")
	}
	return "other"
}

// without returns s less element i.
func without[T any](s []T, i int) []T { return slices.Delete(s, i, i+1) }
