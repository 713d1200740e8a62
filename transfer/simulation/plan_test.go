package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/storage/memory"
)

// faultKind is what goes wrong.
type faultKind int

const (
	faultResetBoth   faultKind = iota // a connection breaks, and both ends know
	faultResetOne                     // the host's end knows, the other hears nothing
	faultSilence                      // what the host sends is held up
	faultSilenceBoth                  // both ways
	faultRefuse                       // a reset, and then nobody can dial
	faultFlip                         // a bit
	faultLose                         // a segment is left out
	faultTwice                        // a segment comes twice
	faultKill                         // kill -9 of the host's process
	faultPower                        // a power cut of the host
	faultInterrupt                    // the process is asked to stop
	faultNoSpace                      // the disk says ENOSPC, once
	faultIO                           // the disk says EIO, once
	faultForeign                      // somebody else takes the name that a file is to get
	faultSource                       // a file that is being sent is changed
)

var faultNames = [...]string{"reset", "reset of one end", "silence", "silence both ways", "reset and refusal",
	"bit flip", "lost segment", "doubled segment", "kill", "power cut", "interrupt", "ENOSPC", "EIO", "foreign file", "change of a source"}

func (k faultKind) String() string { return faultNames[k] }

// simFault happens once: after the host dir has sent afterBytes, or at a time
// after the start, or at the nth disk operation of a kind.
type simFault struct {
	what       faultKind
	host       host
	dir        host
	afterBytes int64 // -1: not by bytes
	at         time.Duration
	op         memory.Op
	nth        int // 0: not by disk operation
	half       bool
	one        bool          // of the connections, only one
	span       time.Duration // of silence or refusal
	change     int           // of a source: which and how
	fired      atomic.Bool
}

func (f *simFault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v", f.what)
	switch f.what {
	case faultNoSpace, faultIO, faultForeign:
	case faultSource:
		fmt.Fprintf(&b, " %d", f.change)
	default:
		fmt.Fprintf(&b, " at the %v", f.host)
	}
	if f.span > 0 {
		fmt.Fprintf(&b, " for %v", f.span)
	}
	if f.one {
		b.WriteString(", one connection")
	}
	switch {
	case f.nth > 0:
		fmt.Fprintf(&b, ", at disk operation %v %d", f.op, f.nth)
		if f.half {
			b.WriteString(", half done")
		}
	case f.afterBytes >= 0:
		fmt.Fprintf(&b, ", when the %v has sent %d bytes", f.dir, f.afterBytes)
	default:
		fmt.Fprintf(&b, ", after %v", f.at)
	}
	return b.String()
}

// simClass is a family of plans, with what must hold for all of it.
type simClass int

const (
	classClean   simClass = iota // no faults: one run of each side is enough
	classNetwork                 // faults that end: here too
	classCrash                   // processes die and are started again
	classDisk                    // the disk fails
	classSource                  // sources change
	classAll                     // all of these together
	classOutput                  // to a Writer, with faults of the network
	classFolder                  // into a real folder, with what package dest can bear there
	classes
)

func (c simClass) String() string {
	return [...]string{"clean", "network", "crash", "disk", "source", "all", "output", "folder"}[c]
}

// simPlan is all that a seed decides.
type simPlan struct {
	seed          uint64
	class         simClass
	shape         *simShape
	line          simLine
	streams       int
	senderListens bool
	late          [2]time.Duration // when each side is started
	prepared      bool             // the destination is not empty
	policy        transfer.ConflictPolicy
	checksum      bool
	compress      transfer.Compression
	slow          bool          // the receiver has a limit by which it looks for what moved
	named         bool          // sources one by one, and not as the content of a folder
	pace          time.Duration // of the disk
	faults        []*simFault
	moves         *simMoves
	ask           *simAsk
}

// weights of the classes, in seeds out of 32.
var simWeights = [classes]int{classClean: 3, classNetwork: 7, classCrash: 7, classDisk: 5, classSource: 3, classAll: 4, classOutput: 2, classFolder: 1}

func newPlan(seed uint64) *simPlan {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := &simPlan{seed: seed, moves: newMoves(seed)}
	at := rng.IntN(32)
	for p.class = 0; at >= simWeights[p.class]; p.class++ {
		at -= simWeights[p.class]
	}
	p.shape = &simShapes[rng.IntN(len(simShapes))]
	if len(p.shape.sizes) > 0 && p.shape.sizes[0] > 6*deliverytest.MiB && rng.IntN(4) > 0 {
		p.shape = &simShapes[5]
	}
	if p.class == classSource && rng.IntN(4) == 0 {
		p.shape = &simShapes[len(simShapes)-1] // the only one that is not read in an instant
	}
	if p.class == classOutput && len(p.shape.ends) > 0 { // no archive takes a stream
		p.shape = &simShapes[slices.IndexFunc(simShapes[:], func(s simShape) bool { return len(s.ends) == 1 && len(s.sizes) == 0 })]
	}
	p.line = simLine{
		latency: time.Duration(rng.IntN(100_000)) * time.Microsecond,
		jitter:  time.Duration(rng.IntN(20_000)) * time.Microsecond,
		segment: []int{1500, 16 << 10, 64 << 10, 1 << 20}[rng.IntN(4)],
	}
	if rng.IntN(2) == 0 {
		p.line.rate = int64(100_000) << rng.IntN(11)
	}
	p.streams = 1 + max(0, rng.IntN(6)-2)
	p.senderListens = rng.IntN(2) == 0
	p.late[rng.IntN(2)] = time.Duration(rng.IntN(3000)) * time.Millisecond
	if rng.IntN(3) == 0 {
		p.pace = time.Duration(1+rng.IntN(50)) * time.Millisecond
	}
	p.prepared = p.class != classOutput && p.class != classFolder && rng.IntN(3) == 0
	p.policy = transfer.ConflictOverwrite
	if p.prepared && p.class != classSource && p.class != classAll && len(p.shape.ends) == 0 {
		p.policy = []transfer.ConflictPolicy{transfer.ConflictOverwrite, transfer.ConflictFail, transfer.ConflictSkip, transfer.ConflictRename}[rng.IntN(4)]
	}
	p.checksum = rng.IntN(4) == 0
	p.compress = transfer.Compression(rng.IntN(3))
	p.named = p.class != classSource && p.class != classAll && p.class != classFolder && rng.IntN(3) == 0
	if kinds := faultsOf(p.class); len(kinds) > 0 {
		for range 1 + rng.IntN(3) {
			p.faults = append(p.faults, p.newFault(rng, kinds[rng.IntN(len(kinds))]))
		}
	}
	if p.ask = newAsk(p); p.ask.cut != nil {
		p.faults = append(p.faults, p.ask.cut)
	}
	p.slow = rand.New(rand.NewPCG(seed, 5)).IntN(3) == 0
	if p.slow && p.policy == transfer.ConflictOverwrite && p.class != classOutput && p.class != classFolder {
		p.prepared = true
	}
	return p
}

func faultsOf(c simClass) []faultKind {
	network := []faultKind{faultResetBoth, faultResetBoth, faultResetOne, faultSilence, faultSilenceBoth, faultRefuse, faultFlip, faultLose, faultTwice}
	crash := []faultKind{faultKill, faultPower, faultPower, faultInterrupt}
	disk := []faultKind{faultNoSpace, faultIO, faultNoSpace, faultIO, faultForeign}
	switch c {
	case classNetwork, classOutput:
		return network
	case classCrash:
		return crash
	case classDisk:
		return disk
	case classSource:
		return []faultKind{faultSource}
	case classAll:
		return slices.Concat(network, crash, crash, disk, disk, []faultKind{faultSource})
	case classFolder:
		return slices.Concat(network, []faultKind{faultInterrupt, faultSource})
	}
	return nil
}

func (p *simPlan) newFault(rng *rand.Rand, what faultKind) *simFault {
	f := &simFault{what: what, host: host(rng.IntN(2)), afterBytes: -1, half: rng.IntN(2) == 0, one: rng.IntN(2) == 0, change: rng.IntN(1 << 10)}
	if f.what == faultForeign && p.policy != transfer.ConflictOverwrite {
		f.what = faultIO // there it would be in the way for ever
	}
	disk := f.what == faultNoSpace || f.what == faultIO || f.what == faultForeign
	switch what {
	case faultSilence, faultSilenceBoth, faultRefuse:
		f.span = time.Duration(rng.IntN(90_000)) * time.Millisecond
		if rng.IntN(4) == 0 {
			f.span *= 4
		}
	}
	switch {
	case disk || (what == faultKill || what == faultPower) && rng.IntN(2) == 0:
		f.op, f.nth, f.host = memory.Op(rng.IntN(int(memory.Ops))), 1+rng.IntN(4), receiverHost
		if disk && f.op == memory.Read && p.policy != transfer.ConflictOverwrite {
			f.op = memory.Finish // a file that cannot be compared counts as another: the policy has it
		}
		if f.what == faultForeign {
			f.op = memory.Sync
		}
		if p.shape.more > 0 {
			f.nth = 1 + rng.IntN(p.shape.more)
		}
	case rng.IntN(4) == 0:
		f.at = time.Duration(rng.IntN(3000)) * time.Millisecond
	default:
		// Most of what is worth breaking happens at the ends; the receiver sends little.
		f.dir = host(rng.IntN(2))
		f.afterBytes = int64(rng.IntN(8000))
		if f.dir == senderHost && rng.IntN(3) > 0 {
			f.afterBytes = rng.Int64N(p.shape.bytes() + 10_000)
		}
	}
	return f
}

// bytes is about what a tree of the shape has.
func (s *simShape) bytes() (n int64) {
	for _, size := range slices.Concat(s.sizes, s.ends) {
		n += int64(size)
	}
	return n + int64(s.more)*4500
}

func (p *simPlan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "class %v, tree: %s\nnetwork: %v, %d streams, sender listens: %v, started after %v\n", p.class, p.shape.name, &p.line, p.streams, p.senderListens, p.late)
	fmt.Fprintf(&b, "destination prepared: %v, conflicts: %d, by digest: %v, compression: %d, slow: %v, sources by name: %v, an operation of the disk takes up to %v\n", p.prepared, p.policy, p.checksum, p.compress, p.slow, p.named, p.pace)
	fmt.Fprintf(&b, "%v\n%v\n", p.moves, p.ask)
	for _, f := range p.faults {
		fmt.Fprintf(&b, "fault: %v (happened: %v)\n", f, f.fired.Load())
	}
	return b.String()
}
