package flow

import (
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"ferry/transfer/tree"
)

// Limits of this implementation that both sides keep to; those of the wire are in
// package framing. Where the process may have little memory, Credit, Entries and MayKeep
// are less than they say.
const (
	// PackLimit is the largest file that travels with others in a PACK frame.
	PackLimit = 64 << 10

	// EntryWindow and EntryBytes bound what a sender may have announced and not
	// yet seen settled, so what both sides keep for it.
	EntryWindow = 16384
	EntryBytes  = 4 << 20

	// CreditWindow is what the receiver lets be under way: 8 MiB keep a path of
	// 200 ms busy at 330 Mbit/s, and stay in the cache on a short one.
	CreditWindow = 8 << 20
	// longCredit takes its place where a round trip takes LongPath: what comes behind a
	// lost packet waits for it one round trip more, or two if that is lost as well.
	longCredit = 16 << 20
	// LongPath is a round trip over which one stream cannot be fast on many systems: their
	// buffer for it holds a few MiB.
	LongPath = 100 * time.Millisecond
	// StreamCredit comes on top for each further stream, in buffers at the sender
	// too: the chunk that is begun on it may take long. 16 streams have 23 MiB on a short path.
	StreamCredit = 1 << 20
	// MinFrameCost is what the smallest frame counts for; part of the protocol.
	MinFrameCost = 4 << 10

	// OpenFiles bounds the large files that are open at once at either side; see MayOpen.
	OpenFiles = 64
	// OpenFolders bounds the folder handles kept open at the sender.
	OpenFolders = 128

	// PagesWindow bounds the WANT pages that are under way, 128 KiB each.
	PagesWindow = 32
)

// FrameCost is what a DATA or PACK frame takes of the credit: the length of its
// body, but not so little that a receiver keeps more for it than it counts.
func FrameCost(body int) int64 { return int64(max(body, MinFrameCost)) }

// MayOpen is n, of whatever holds an open file for a while, or less where the process
// may open few: that part of them.
func MayOpen(n, part int) int { return min(n, max(tree.MayOpen()/part, 1)) }

// Share is the memory that one delivery may take where others run beside it, in bytes; 0 is
// what the heap may take, which is the limit in any case: GOMEMLIMIT, or what the command
// found that its cgroup allows.
type Share int64

// MayKeep is n bytes, of whatever a delivery keeps in memory, or less where it may have
// little: that part of its share, but not less than least.
func (s Share) MayKeep(n, part, least int64) int64 {
	may := debug.SetMemoryLimit(-1)
	if s > 0 {
		may = min(may, int64(s))
	}
	return min(n, max(may/part, least))
}

// MayKeep is that of a delivery that is alone.
func MayKeep(n, part, least int64) int64 { return Share(0).MayKeep(n, part, least) }

// Credit is what a receiver grants at first over a path of that round trip. The least lets
// one chunk be gathered while another is written, and a step of credit be on its way back.
func (s Share) Credit(trip time.Duration) int64 {
	if trip >= LongPath {
		return s.MayKeep(longCredit, 6, 3<<20)
	}
	return s.MayKeep(CreditWindow, 6, 3<<20)
}

// Entries is what may be in flight, as a number of entries and as bytes of their records.
// An entry takes some 900 bytes at either side, more than its record does.
//
// A folder is in flight until all that is in it is settled. So the least of both lets the
// deepest path in, with an item that has as many attributes as one may have.
func (s Share) Entries() (most int, bytes int64) {
	bytes = s.MayKeep(EntryBytes, 32, EntryBytes/8)
	return max(int(EntryWindow*bytes/EntryBytes), tree.MaxDepth+EntryWindow/64), bytes
}

// Cores is how many processors this process may keep busy.
func Cores() int { return runtime.GOMAXPROCS(0) }

// Workers is how many files are read or written at a time, about one a processor.
func Workers() int { return MayOpen(max(2, Cores()), 6) }

// Plus is a + b, or the nearest number there is. Sizes and counts come from peers
// and from sparse files: their sum may be more than a number holds, and one that
// wrapped around would turn a failure into a success.
func Plus(a, b int64) int64 {
	switch s := a + b; {
	case a > 0 && b > 0 && s < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && s >= 0:
		return math.MinInt64
	default:
		return s
	}
}

// Grow adds n to a total.
func Grow(total *int64, n int64) { *total = Plus(*total, n) }
