// Package streams decides how many streams a delivery has, and has them opened.
//
// Guaranteed: the policy, Breadth, is a function of what it is told, with no clock and
// no lock; one goroutine uses it. A stream that could not be opened is tried again, and
// no delivery fails for want of one.
//
// Opener.Run starts one goroutine, which ends before it returns. There are no locks.
package streams
