package send

import (
	"time"

	"ferry/transfer/internal/flow"
)

// Limits of a sender alone.
const (
	// packBytes and packFiles close a pack. The bytes leave room in the frame
	// for records of 60 bytes each.
	packBytes = 192 << 10
	packFiles = 512

	// entryBatch closes an ENTRY frame, entryDelay is the longest time that an
	// entry waits for company.
	entryBatch = 16 << 10
	entryDelay = 20 * time.Millisecond

	// bundleDelay is how long the beginning of a bundle waits for the rest.
	bundleDelay = 20 * time.Millisecond

	// readAhead is how many chunks the sender reads before they can be sent.
	readAhead = 6
	// chunkBytes bounds its chunks between disk and the other side: a window of
	// credit that is on its way, and what is read meanwhile. Over a path of flow.LongPath
	// the window is larger than that, and content is read as room comes back. Where memory
	// is little, they are a quarter of it, but two a worker and stream at least.
	chunkBytes = flow.CreditWindow + readAhead<<20
	chunkPart  = 4
	chunkLeast = 4 << 20
	// pieceBytes is what one DATA frame carries: a fifth of a chunk, rounded up to
	// pages, so that a chunk takes five frames of nearly the same size.
	pieceBytes = 208 << 10

	// maxWants bounds the wants that a receiver may have queued: one an entry, and
	// as many again for chunks that were damaged on the way.
	maxWants = 2 * flow.EntryWindow

	// awayReaders is how many goroutines read at least where a source is away: they wait for
	// answers, and not for a processor. Each has a buffer of a chunk. Where memory is little,
	// they are fewer: so many MiB as that part of it has.
	awayReaders = 8
	awayPart    = 16
	awayLeast   = 2

	// streamDelay is how long a byte of a stream may wait for company.
	streamDelay = 100 * time.Millisecond

	// readAttempts is how often a file that changes while it is read is sent.
	readAttempts = 3
	// clockTick is the coarsest step of a file system's timestamps that is
	// waited out before a just changed file is read.
	clockTick = 20 * time.Millisecond
)
