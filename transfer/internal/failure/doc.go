// Package failure turns what went wrong into the error that the user and the other side
// are told: one code, one step and one item, each said once.
//
// Guaranteed: errors that were classified before pass unchanged, and what they wrap stays
// to be found by errors.Is and errors.As.
//
// Leave and Patient wait for the link. No goroutine is started and there are no locks.
package failure
