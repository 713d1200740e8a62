// Package receive is the receiving side of a delivery. It has an offer accepted, decides
// about every item that is announced, and asks for the content that is missing. It
// verifies and writes what comes, and ends with the receipt.
//
// Guaranteed: Receive returns nil only when every item announced is delivered, found the
// same, or skipped at the user's word. The bytes of each were hashed here, and had the
// digest that the sender has. A sender in this process hashes for both: what it hands over
// is written as it was hashed. The destination made all of it durable, or said why not.
// Nothing is written before the offer is accepted, and nothing comes that it did not
// offer. No item takes the place of another item of the same delivery. Of several verdicts
// on an entry the first one counts. Memory is bounded by the constants in limits.go and in
// package flow.
//
// Not guaranteed: an order, except to an Output. Chunks are written as they come, and
// files are published when they are complete. DONE does not promise durability; the
// receipt does.
//
// # Objects
//
//	receiver   the wiring of one delivery, and its goroutines
//	opening    the offer until it is accepted or declined; the goroutine accept
//	growth     how much was announced, for whoever considers the offer; the reader of stream 0
//	site       the destination as this delivery uses it; filled in when the offer is accepted
//	reader     frames of one stream → content and control; one goroutine a stream
//	control    frames of stream 0 that are no content; the reader of stream 0
//	intake     takes content from a reader
//	within     takes content from a sender in this process, and has it written
//	ledger     the entries and folders, and every change of their states
//	settler    verdicts, and what follows from them
//	verdicts   DONE, WARN and FAULT on their way out
//	requests   WANT on its way out
//	window     the sender's credit, an account of bytes
//	room       the space promised to entries, another one
//	gate       what may come at all; the planner's
//	consent    what was accepted, and this side's limits; the planner, and the reader of stream 0
//	twins      names that the destination takes for one
//	links      targets of hard links, and what waits for them
//	planner    decides about entries; the goroutine plan
//	asker      asks for content; the planner's
//	reuse      hashes what is here already; three goroutines
//	worker     verifies, writes and seals; one goroutine a processor
//	part       the Partial of one attempt, until it is published or put aside
//	publisher  syncs and names complete files in batches; the goroutine publish
//	closing    makes all durable, sends the receipt, waits for the goodbye; the goroutine close
//	ordered    in the place of planner to publisher, if there is an Output; one goroutine
//	breadth    how many streams there are; the goroutine widen
//
// # Goroutines
//
// One errgroup, which Receive waits for, runs the reader of stream 0, accept, widen, plan,
// reuse, work, publish and close. Besides these it runs one that starts the other readers,
// one that opens streams where this side dialled, the watch for stalls, and one that
// follows a limit. The other readers, and the sending of the receipt, end with the link;
// Receive waits for them too. Readers wait for nothing but the network and an Observer that
// is slow, and never write: what they hand on is bounded by the credit and the entry window
// that this side granted. Accept and Resolve, which wait for a person, run in the
// goroutines accept and plan; the count of what is offered comes to Accept on a channel
// that the reader of stream 0 never waits for. Within runs in the goroutines of the sender,
// and Receive returns when none of them is in it any more; one of the group waits for its
// errors.
//
// # Locks
//
// In this order: ledger.mu; the lock of a checksum.Tree. Verdicts.sending is held while
// stream 0 is written to, and verdicts.mu is taken under it. The locks of parts, twins,
// links, account, consent, growth, settler and verdicts, those of queues and those of gauges are
// leaves: nothing is taken under them. No Observer and no destination is called under a
// lock. A part counts who uses its Partial: whoever seals or ends it waits for them.
package receive
