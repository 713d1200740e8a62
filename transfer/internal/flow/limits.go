package flow

import (
	"math"
	"runtime"
	"runtime/debug"

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
	// StreamCredit comes on top for each further stream, in buffers at the sender
	// too: the chunk that is begun on it may take long. 16 streams have 23 MiB.
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

// MayKeep is n bytes, of whatever a delivery keeps in memory, or less where the process
// may have little: that part of what its heap may take, but not less than least. The limit
// of the heap is GOMEMLIMIT, or what the command found that its cgroup allows.
func MayKeep(n, part, least int64) int64 {
	return min(n, max(debug.SetMemoryLimit(-1)/part, least))
}

// Credit is what a receiver grants at first. The least lets one chunk be gathered while
// another is written, and a step of credit be on its way back.
func Credit() int64 { return MayKeep(CreditWindow, 6, 3<<20) }

// Entries is what may be in flight, as a number of entries and as bytes of their records.
// An entry takes some 900 bytes at either side, more than its record does.
//
// A folder is in flight until all that is in it is settled. So the least of both lets the
// deepest path in, with an item that has as many attributes as one may have.
func Entries() (most int, bytes int64) {
	bytes = MayKeep(EntryBytes, 32, EntryBytes/8)
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
