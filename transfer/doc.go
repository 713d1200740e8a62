// Package transfer has what both ends of a delivery and every caller share: offers,
// results, errors, events, policies and limits. Package send sends files, folders and
// streams over an authenticated link, package receive takes them, and package local has
// both in one process. This package has types only: no goroutine is started here, and the
// one lock is that of a Limit.
//
// Guaranteed, when Send or Receive returns a nil error: every offered item stands under
// its final name at the receiver. Its bytes were hashed at both ends, and the digests
// agreed. All of it was synced, unless that was given up. The sender has the receipt for
// it in hand. An error that wraps ErrIncomplete means that the delivery ended but the items
// in Result.Failures are missing. Any other error means that it did not end; running it
// again goes on from what the destination kept. A cancelled context is never success.
//
// An unchanged item whose metadata differs gets the sender's metadata, and is told as
// StatusAdjusted, in a dry run too.
//
// Two items of one delivery never take each other's place. Where the file system takes two
// names for one, the item that is walked later is a conflict in each run, whatever the
// policy says of others. Under ConflictRename it gets a name of its own. If it is a folder,
// all that is in it is left out, or lands under that name.
//
// A dry run (send.Options.DryRun) goes through the same phases with a rehearsal as
// destination, and changes nothing on either side. local.Delete works after the receipt:
// it is a pass of its own over the destination, which is synced before Copy returns. With
// it, under ConflictOverwrite, a folder and an item of another kind can take each other's
// place. The item that makes way is kept until that pass.
//
// Not guaranteed: a snapshot of a folder that changes while it is walked; and
// changes to a file through a shared mapping that touch none of its times.
//
// # Phases
//
//	sender                        receiver
//	OFFER, first ENTRYs    ->     Accept is asked
//	                       <-     ACCEPT, CREDIT, WANT for what is missing
//	ENTRYs run ahead, DATA and PACK follow the WANTs, END closes the walk
//	                       <-     DONE or FAULT, exactly one for each entry
//	                       <-     all durable: RECEIPT, and nothing more
//	BYE, close             ->     close
//
// # Goroutines
//
// Each Send and each Receive runs one errgroup, whose goroutines are listed at
// the head of send/send.go and receive/receive.go, and one reader for each stream beyond
// stream 0, which ends with the link. It returns after all of them ended. The
// one exception: a Read in progress on Source.Reader cannot be interrupted, so
// that its goroutine ends with that Read.
//
// # Metadata
//
// Mode & 0777 less receive.Options.Metadata.Umask, mtime, symbolic links and holes
// always go. For the rest the sender states a wish (send.Options.Metadata), the receiver
// says what it permits, and ACCEPT grants what is in both. What is declined, or cannot be
// read or applied, is in Result.Lost and in the events, and keeps nothing from being
// delivered. A hard link waits for the verdict on its target.
//
// # Durable when
//
// A file's bytes are synced before it gets its final name. Names and folders
// are synced before RECEIPT. DONE says verified and named, RECEIPT says durable.
//
// Memory is bounded by the constants in limits.go of send, receive and internal/flow.
package transfer
