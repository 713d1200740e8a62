// Package local copies within one process: a sender and a receiver, joined over loopback.
// It also opens folders as destinations, and deletes at a destination what the source has
// not.
//
// Guaranteed: Copy proves and protects a delivery as between two machines. Nothing is
// deleted unless everything was delivered, and nothing at all if there is more to delete
// than Delete.Max. A source that cannot be read, or is another one than before the
// delivery, deletes nothing.
//
// Not guaranteed: that a deletion is undone when a later one fails, or that items which
// came to the source during the delivery are copied too.
//
// Copy runs the receiver in a goroutine of its own and waits for it; the deletion runs
// in the caller's. There are no locks.
package local
