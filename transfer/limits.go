package transfer

import (
	"runtime"

	"ferry/transfer/tree"
)

// Limits of this implementation that both sides keep to; those of the wire are in
// package framing.
const (
	// packLimit is the largest file that travels with others in a PACK frame.
	packLimit = 64 << 10

	// entryWindow and entryBytes bound what a sender may have announced and not
	// yet seen settled, so what both sides keep for it.
	entryWindow = 16384
	entryBytes  = 4 << 20

	// creditWindow is what the receiver lets be under way: 8 MiB keep a path of
	// 200 ms busy at 330 Mbit/s, and stay in the cache on a short one.
	creditWindow = 8 << 20
	// streamCredit comes on top for each further stream, in buffers at the sender
	// too: the chunk that is begun on it may take long. 16 streams have 23 MiB.
	streamCredit = 1 << 20
	// minFrameCost is what the smallest frame counts for; part of the protocol.
	minFrameCost = 4 << 10

	// openFiles bounds the large files that are open at once at either side; see mayOpen.
	openFiles = 64
	// openFolders bounds the folder handles kept open at the sender.
	openFolders = 128

	// pagesWindow bounds the WANT pages that are under way, 128 KiB each.
	pagesWindow = 32
)

// frameCost is what a DATA or PACK frame takes of the credit: the length of its
// body, but not so little that a receiver keeps more for it than it counts.
func frameCost(body int) int64 { return int64(max(body, minFrameCost)) }

// mayOpen is n, of whatever holds an open file for a while, or less where the process
// may open few: that part of them.
func mayOpen(n, part int) int { return min(n, max(tree.MayOpen()/part, 1)) }

// workers is how many files are read or written at a time, about one a processor.
func workers() int { return mayOpen(max(2, runtime.GOMAXPROCS(0)), 6) }
