// Package progress keeps what one side of a delivery came to, and tells its Observer.
//
// Tracker counts items and bytes and makes the Result. Activity says what this side is
// doing, for heartbeats, and WatchStall ends a delivery in which neither side gets
// anything done.
//
// Guaranteed: events reach the Observer one at a time, in the order in which the counts
// changed, and under no lock. Before the last goroutine that caused an event leaves this
// package, all of them were told.
//
// Not guaranteed: an event may be told by another goroutine than the one that caused it,
// after that one went on. Of two snapshots of the progress that wait behind each other
// only the later one is told.
//
// # Locks
//
// Tracker.mu, then teller.mu or remarks.mu; Activity.mu alone. Under them nothing waits.
package progress
