package transfer

import (
	"runtime"
	"time"

	"ferry/framing"
	"ferry/transfer/tree"
)

// Limits of this implementation; those of the wire are in package framing.
const (
	// packLimit is the largest file that travels with others in a PACK frame.
	packLimit = 64 << 10
	// packBytes and packFiles close a pack. The bytes leave room in the frame
	// for records of 60 bytes each.
	packBytes = 192 << 10
	packFiles = 512

	// entryWindow and entryBytes bound what a sender may have announced and not
	// yet seen settled, so what both sides keep for it.
	entryWindow = 16384
	entryBytes  = 4 << 20
	// entryBatch closes an ENTRY frame, entryDelay is the longest time that an
	// entry waits for company.
	entryBatch = 16 << 10
	entryDelay = 20 * time.Millisecond

	// creditWindow is what the receiver lets be under way: 8 MiB keep a path of
	// 200 ms busy at 330 Mbit/s, and stay in the cache on a short one.
	creditWindow = 8 << 20
	// streamCredit comes on top for each further stream, in buffers at the sender
	// too: the chunk that is begun on it may take long. 16 streams have 23 MiB.
	streamCredit = 1 << 20
	// minFrameCost is what the smallest frame counts for; part of the protocol.
	minFrameCost = 4 << 10
	// creditStep is how much is freed before the sender is told.
	creditStep = 1 << 20

	// readAhead is how many chunks the sender reads before they can be sent.
	readAhead = 6
	// chunkBytes bounds its chunks between disk and the other side: a window of
	// credit that is on its way, and what is read meanwhile.
	chunkBytes = creditWindow + readAhead<<20

	// openFiles bounds the large files that are open at once at either side; see mayOpen.
	openFiles = 64

	// pagesWindow bounds the WANT pages that are under way, 128 KiB each.
	pagesWindow = 32

	// publishFiles, publishBytes and publishDelay close a batch of files that
	// share one sync.
	publishFiles = 512
	publishBytes = 256 << 20
	publishDelay = 20 * time.Millisecond

	// streamDelay is how long a byte of a stream may wait for company.
	streamDelay = 100 * time.Millisecond

	// readAttempts is how often a file that changes while it is read is sent.
	readAttempts = 3
	// chunkAttempts is how often a chunk whose digest differed is asked for.
	chunkAttempts = 3

	// clockTick is the coarsest step of a file system's timestamps that is
	// waited out before a just changed file is read.
	clockTick = 20 * time.Millisecond

	// farewell is how long the receiver waits for BYE after its RECEIPT.
	farewell = 10 * time.Second
	// farewellLost is the same where a lost link is waited for: the sender may
	// want its receipt, or have it and be gone.
	farewellLost = 2 * time.Minute
)

const (
	// firstEntries may be announced before ACCEPT tells the receiver's window:
	// small deliveries need no round trip for it.
	firstEntries = framing.FirstEntries
	// openFolders bounds the folder handles kept open at the sender.
	openFolders = 128
)

// goodbye is how long an interrupted side tries to say so. The command line
// promises to be gone within 2 s.
const goodbye = time.Second

// maxWants bounds the wants that a receiver may have queued: one an entry, and
// as many again for chunks that were damaged on the way.
const maxWants = 2 * entryWindow

// pieceBytes is what one DATA frame carries: a fifth of a chunk, rounded up to
// pages, so that a chunk takes five frames of nearly the same size.
const pieceBytes = 208 << 10

// openTemps bounds the small files that are written and wait for their name;
// each holds a file descriptor.
const openTemps = 768

const (
	// maxRenames bounds the search for a free name.
	maxRenames = 1000
	// maxTries bounds the chunks of one file whose retries are counted.
	maxTries = 1024
	// spaceStep is how much is asked for between two looks at the free space.
	spaceStep = 64 << 20
	// wantBatch closes a WANT frame, in bytes.
	wantBatch = 4 << 10
)

// oldPage is how many chunks of a file to be replaced are hashed before they
// are stated: the sender starts on them while the next are hashed.
const oldPage = 64

// verdictBatch closes a DONE frame, in bytes.
const verdictBatch = 8 << 10

// mayOpen is n, of whatever holds an open file for a while, or less where the process
// may open few: that part of them.
func mayOpen(n, part int) int { return min(n, max(tree.MayOpen()/part, 1)) }

// workers is how many files are read or written at a time, about one a processor.
func workers() int { return mayOpen(max(2, runtime.GOMAXPROCS(0)), 6) }
