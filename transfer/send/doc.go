// Package send is the sending side of a delivery: it announces items, sends the content
// that is asked for, and ends with the receiver's receipt.
//
// # Guaranteed
//
// Send returns nil only with a receipt in hand that says, number by number and in the
// digest, what this side saw settled. Content is sent only where it was asked for. What is
// sent of a file is what was read of one version of it, which did not change meanwhile; or,
// with Options.AllowChanged, what was read. Nothing is announced that the offer did not
// promise: it is left out and named. Memory is bounded by the constants in limits.go and in
// package flow, whatever the number and size of files.
//
// # Not guaranteed
//
// A snapshot of a folder that changes during the walk. A change to a file through a shared
// mapping that touches none of its times. A Read in progress on Source.Reader cannot be
// interrupted: its goroutine outlives Send until that Read returns.
//
// # Objects
//
//	sender     wires the others                                     no state of its own
//	terms      what was offered, and what ACCEPT grants of it       control writes it, once
//	announcer  OFFER, the walk, batches of ENTRY, END               goroutine walk
//	window     how far announcements run ahead of verdicts          all
//	book       entries in flight, verdicts, the tally               all
//	bundle     small files that go in one pack, in each delivery    walk fills it, feed reads
//	wants      what the receiver asked for and feed has not begun   all
//	feeder     wants → jobs                                         goroutine feed
//	content    one file, in one attempt after another               all
//	reader     fills a job: reads, hashes, compresses               a goroutine work
//	checker    hashes what the receiver holds already               a goroutine check
//	Reading    what several deliveries read for each other          all, of all of them
//	attempts   FILEEND, CHANGED and FAULT                           no state of its own
//	writer     jobs, in order, → an outlet                          a goroutine write
//	lane       the outlet of a stream: content → frames             a goroutine write, or that of a stream source
//	hatch      the outlet to a receiver in this process             a goroutine work
//	purse      credit, and the limit of the rate                    all
//	widener    the path → more streams                              goroutine widen
//
// # Goroutines
//
// All run in one errgroup, which Send waits for; the first error cancels the rest. control
// reads stream 0 for as long as the delivery lasts. Beside it there are stall, follow (with
// a limit), open (at the side that dialled) and growth, which starts a reader of each
// further stream. deliver makes the offer, and starts walk and, after ACCEPT, the pipeline:
// feed, work (one a processor), check (two), growth again, which starts write of each
// stream, and widen. To a receiver in this process, work hands over what it has read, and
// there is no write and no widen. A source of unknown length has one of its own, and one that reads it.
// Readers of further streams end with the link, and Send waits for them too.
//
// The end comes from the top. At the receipt control closes wants, checks and purse. feed
// closes the belt when wants is drained; workers and writers end when the belt is.
//
// # Locks
//
// book.mu, content.mu, purse.mu, and the locks of the tracker, the compressor, queues and
// gauges are never held together. Under content.mu the lock of its checksum.Tree is taken,
// and under purse.mu those of the pacer and of this side's limit. The only wait under them
// is for a call to the file, under content.mu. Reading.mu is held with none of them. No
// Observer is called under them.
//
// purse.turn comes before them. It is no lock of data but the place at the head of the
// writers that wait for credit. The writer that has it writes to its stream and waits for
// credit, and tells the tracker what has left: so a slow Observer keeps the others from
// credit for as long as the purse is empty.
package send
