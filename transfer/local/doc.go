// Package local copies within one process. It also opens folders as destinations, and
// deletes at a destination what the source has not.
//
// # How a copy goes
//
// A sender and a receiver run in this process, with the walk, the plan, the resuming and the
// publication that they have between two machines. Two things join them:
//
//	link.Within       one stream over memory: announcements, wants, verdicts, the receipt,
//	                  and sources of unknown length
//	parcel.Passage    beside it, for the content of files
//
// The sender's workers take a file through the passage from one end to the other: they read
// a chunk, or a pack of small files, into a buffer that they keep, hash it, and have the
// receiver's code write it. So bytes are copied twice, from a file and to a file, and hashed
// once. As many buffers are in use as there are workers. There is no credit and no order:
// a worker goes on when what it had is written.
//
// Where source and destination are in one file system that lets files share blocks (btrfs,
// XFS), a new file of more than one chunk shares those of its source. Then each
// chunk is hashed as it is read from the destination. Smaller files, updates, and what goes
// on after an interruption are written.
//
// # Guaranteed
//
// The digest of each file is of the bytes that were handed to the system for writing. There
// is one of them and not two that are compared, as both ends share the memory:
// FolderOptions.VerifyDisk reads the file back and compares. A file that changes while it is
// read, a limit of the rate, a chunk that an interrupted copy left, and an error at either
// end come to the same as between two machines.
//
// Nothing is deleted unless everything was delivered, and nothing at all if there is more to
// delete than Delete.Max. A source that cannot be read, or is another one than before the
// delivery, deletes nothing.
//
// # Not guaranteed
//
// That a deletion is undone when a later one fails, or that items which came to the source
// during the delivery are copied too. Room at the destination is asked for as if nothing
// were shared.
//
// # Goroutines
//
// Copy runs the receiver in a goroutine of its own and waits for it; the deletion runs in
// the caller's. There are no locks.
package local
