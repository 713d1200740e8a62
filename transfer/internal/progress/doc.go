// Package progress keeps what one side of a delivery came to, tells its Observer, and
// ends a delivery in which neither side gets anything done.
//
// Guaranteed: the Observer is called under no lock of a Tracker. Not guaranteed: that
// events of several goroutines come in the order in which they happened.
//
// No goroutine is started here: WatchStall runs in one of its caller's. A Tracker has two
// locks, of which none is held while the other is taken.
package progress
