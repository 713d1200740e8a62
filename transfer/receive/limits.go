package receive

import "time"

// Limits of a receiver alone.
const (
	// creditStep is how much is freed before the sender is told.
	creditStep = 1 << 20

	// publishFiles, publishBytes and publishDelay close a batch of files that
	// share one sync.
	publishFiles = 512
	publishBytes = 256 << 20
	publishDelay = 20 * time.Millisecond
	// openTemps bounds the small files that are written and wait for their name;
	// each holds a file descriptor.
	openTemps = 768

	// chunkAttempts is how often a chunk whose digest differed is asked for.
	chunkAttempts = 3
	// maxTries bounds the chunks of one file whose retries are counted.
	maxTries = 1024
	// maxRenames bounds the search for a free name by the planner, which asks for each. What
	// is published under the first free name is searched for by storage.MaxAlternatives.
	maxRenames = 1000
	// spaceStep is how much is asked for between two looks at the free space.
	spaceStep = 64 << 20

	// wantBatch closes a WANT frame, verdictBatch a DONE frame, in bytes.
	wantBatch    = 4 << 10
	verdictBatch = 8 << 10
	// oldPage is how many chunks of a file to be replaced are hashed before they
	// are stated: the sender starts on them while the next are hashed.
	oldPage = 64

	// farewell is how long the receiver waits for BYE after its RECEIPT.
	farewell = 10 * time.Second
	// farewellLost is the same where a lost link is waited for: the sender may
	// want its receipt, or have it and be gone.
	farewellLost = 2 * time.Minute
)
